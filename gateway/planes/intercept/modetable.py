"""The table of modes, by the words of the deployment file."""

from typing import TYPE_CHECKING, Final

from gateway.planes.intercept.modes import Explicit, Mode, Reverse, Socks5, Transparent
from gateway.planes.intercept.wireguard import WireGuard

if TYPE_CHECKING:
    from gateway.planes.intercept.plane import Interceptor

MODES: Final[dict[str, tuple[str, type[Mode]]]] = {
    "proxy": ("regular", Explicit),
    "transparent": ("transparent", Transparent),
    "socks5": ("socks5", Socks5),
    "wireguard": ("wireguard:{}", WireGuard),
    "reverse": ("reverse:{}", Reverse),
}


def mode_of(text: str, plane: "Interceptor") -> Mode:
    """From the words of the deployment file."""
    name, _, rest = text.partition(":")
    spec, kind = MODES[name]
    return kind(spec.format(rest), plane)
