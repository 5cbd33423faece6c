"""The keys of a listener about interception. Pure; `config` resolves the paths in what they build."""

import re
from typing import Final, get_args

from gateway.deployment import Interception, Others
from gateway.strict.kinds import Word, one_of
from gateway.strict.shapes import Fault, Key
from gateway.strict.words import URL

WIREGUARD: Final = "wireguard"
PLAIN_MODES: Final = ("proxy", "transparent", "socks5")


def _mode(text: str) -> str | None:
    name, colon, rest = text.partition(":")
    if name == "reverse" and URL.convert(rest) is not None:
        return text
    if name == WIREGUARD and re.fullmatch(r"[^\x00-\x1f]{1,1000}", rest):
        return text
    return text if name in PLAIN_MODES and not colon else None


MODE: Final = Word("proxy, transparent, socks5, wireguard:FILE, or reverse:URL", _mode, words=PLAIN_MODES)
KEYS: Final = (
    Key(
        "mode",
        MODE,
        "Of plane `intercept`, how traffic comes: `proxy` (HTTPS_PROXY), `transparent` (redirected by the "
        "kernel), `socks5`, "
        "`wireguard:FILE` (a tunnel, with keys that `hushgate wireguard` made), "
        "`reverse:URL` (every request is for this host). `proxy` when left out.",
    ),
    Key(
        "others",
        one_of(*get_args(Others)),
        "Of plane `intercept`, hosts that neither a pack nor an upstream names: `refuse`, or `tunnel` "
        "(passed on untouched, to public addresses, for known clients). `refuse` when left out.",
    ),
)


def interception(
    plane: str, mode: str | None, others: Others | None, workers: int
) -> Interception | Fault | None:
    """What a listener says of interception, which only one plane has."""
    if plane == "intercept":
        if (mode or "").startswith(WIREGUARD) and workers != 1:
            return Fault(
                "mode", f"{WIREGUARD!r} with several workers", "workers: 1: a tunnel ends in one process"
            )
        return Interception(mode or "proxy", others or "refuse")
    for key, value in (("mode", mode), ("others", others)):
        if value is not None:
            return Fault(key, f"{key!r} of plane {plane!r}", "plane: intercept")
    return None
