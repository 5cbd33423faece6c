"""The keys of a listener about interception. Pure; `config` resolves the paths in what they build."""

import re
from typing import Final, get_args

from gateway.deployment import Interception, Others, Quic
from gateway.strict.kinds import Word, one_of
from gateway.strict.shapes import Fault, Key
from gateway.strict.words import URL

WIREGUARD: Final = "wireguard"
QUIC_MODES: Final = (WIREGUARD, "reverse")
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
    Key(
        "quic",
        one_of(*get_args(Quic)),
        "Of plane `intercept` in the modes `wireguard` and `reverse`, HTTP/3: `refuse` (applications fall "
        "back to TCP) or `intercept`, in mode `reverse` by several workers too. `refuse` when left out.",
    ),
)


def interception(
    plane: str, mode: str | None, others: Others | None, quic: Quic | None, workers: int
) -> Interception | Fault | None:
    """What a listener says of interception, which only one plane has."""
    if plane == "intercept":
        kind = (mode or "proxy").partition(":")[0]
        if quic == "intercept" and kind not in QUIC_MODES:
            return Fault("quic", f"{quic!r} in mode {kind!r}", f"mode {' or '.join(QUIC_MODES)}")
        if (mode or "").startswith(WIREGUARD) and workers != 1:
            return Fault(
                "mode", f"{WIREGUARD!r} with several workers", "workers: 1: a tunnel ends in one process"
            )
        return Interception(mode or "proxy", others or "refuse", quic or "refuse")
    for key, value in (("mode", mode), ("others", others), ("quic", quic)):
        if value is not None:
            return Fault(key, f"{key!r} of plane {plane!r}", "plane: intercept")
    return None
