"""How plugins and the canary are written in `hushgate.yaml`. Pure."""

import re
from typing import Final, Literal

from gateway.codecs.table import FORMATS
from gateway.deployment import Extension
from gateway.policy.operators import plugin_name
from gateway.strict.kinds import Word
from gateway.strict.shapes import Key, Table
from gateway.strict.words import DURATION, NAME, PATH


def _media_type(text: str) -> str | None:
    """A type that no built-in codec reads: a plugin never takes the place of one."""
    known = text in FORMATS or text[text.rfind("+") :] in FORMATS
    return text if not known and re.fullmatch(r"[a-z0-9][a-z0-9.+-]*/[a-z0-9][a-z0-9.+_-]*", text) else None


def _extension(
    line: int,
    time: float,
    masker: str | None = None,
    detector: str | None = None,
    codec: str | None = None,
    file: str | None = None,
) -> Extension:
    kind: Literal["masker", "detector", "codec"] = "masker" if masker else "detector" if detector else "codec"
    return Extension(kind, masker or detector or codec or "", file, time, line)


EXTENSION: Final = Table(
    "extension",
    (
        Key(
            "masker",
            Word("a name that no operator has", plugin_name),
            "A masking operator, by the name that rules use.",
        ),
        Key("detector", NAME, "A detector, for `unmapped: detect`."),
        Key("codec", Word("a media type that no built-in codec reads", _media_type), "A codec."),
        Key(
            "file",
            PATH,
            "The Python file it is in, below a folder of `plugins`; if left out, it is installed.",
        ),
        Key("time", DURATION, "What one call may take; longer refuses the exchange.", default="50ms"),
    ),
    _extension,
    exactly=("masker", "detector", "codec"),
    lines=True,
    doc="Code that is loaded and run. Nothing is that is not named here.",
)
CANARY: Final = Table(
    "canary",
    (Key("every", DURATION, "Time between two rounds.", True),),
    lambda every: every,
    doc="Sends a made-up person through every plan in the background and says when a hidden value comes out.",
)
