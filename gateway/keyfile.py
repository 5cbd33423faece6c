"""The text of a keyring: one line per key epoch. Reads the file; pure apart from that.

    hushgate-key-v1:KEY                  epoch 1, the key in base64url
    hushgate-key-v1:2:KEY                a later epoch
    hushgate-key-v1:3:NAME:WRAPPED       a key that the KMS plugin NAME unwraps (kms.py)

Epochs stand in order. A later one may be left out, which ends the tokens it issued; the first may not, since
pseudonyms and hashes are its. In an environment variable blanks may stand in place of line ends.
"""

import base64
import binascii
import secrets
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final

from gateway.errors import ConfigError, Problem, where
from gateway.kms import GROUP, Kms, plugged
from gateway.plugged import Find

KEY_BYTES: Final = 32
PREFIX: Final = b"hushgate-key-v1:"
FIRST: Final = 1
LAST: Final = 255
"""Epochs are numbered with one byte of a token."""
EXPOSED: Final = 0o177
"""Mode bits a keyring's file must not have."""


def generate(entropy: Callable[[int], bytes] = secrets.token_bytes, epoch: int = FIRST) -> bytes:
    """A line with a new key: 32 random bytes in base64url, unpadded, and its epoch if not the first."""
    number = b"" if epoch == FIRST else b"%d:" % epoch
    return PREFIX + number + base64.urlsafe_b64encode(entropy(KEY_BYTES)).rstrip(b"=") + b"\n"


def rotated(
    text: bytes, file: str, entropy: Callable[[int], bytes] = secrets.token_bytes
) -> tuple[bytes, int]:
    """The keyring with one epoch more, and its number. Raises ConfigError for a text that is no keyring.

    Wrapped keys are left wrapped; the new one is not, until its line is exchanged for a wrapped one.
    """
    newest = max(_lines(text, file))
    if newest >= LAST:
        raise _Place(file, newest).wrong(f"epoch {newest}", "an earlier one: there is none after it")
    return b"\n".join((*text.split(), generate(entropy, newest + 1))), newest + 1


def parse(text: bytes, file: str, kms: Find = plugged) -> Mapping[int, bytes]:
    """The 32-byte master keys by epoch, the first among them. Raises ConfigError, never with the text."""
    return {epoch: line.key(kms) for epoch, line in _lines(text, file).items()}


def content(path: Path) -> bytes:
    """The bytes of a keyring's file, if nobody but its owner can read them. Raises ConfigError."""
    place = _Place(str(path), 1)
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & EXPOSED:
            raise place.wrong(f"mode {mode:04o}", "mode 0600: nobody but its owner may read it")
        return path.read_bytes()
    except OSError as error:
        raise place.wrong(error.strerror or "an error", "a readable keyring file") from None


@dataclass(frozen=True, slots=True)
class _Place:
    """A line of a keyring, and a column of it."""

    file: str
    line: int
    column: int = 1

    def wrong(self, found: str, expected: str) -> ConfigError:
        return ConfigError((Problem(self.file, self.line, self.column, found, expected),))


@dataclass(frozen=True, slots=True)
class _Line:
    """What stands in a line: a key, or one that `kms` has to unwrap."""

    place: _Place
    kms: str | None
    held: bytes

    def key(self, find: Find) -> bytes:
        if self.kms is None:
            return self.held
        with _Asking(self.place):
            plugin = find(self.kms)
            key = plugin.unwrap(self.held) if isinstance(plugin, Kms) else None
        if not isinstance(key, bytes) or len(key) != KEY_BYTES:
            raise self.place.wrong("a KMS plugin that unwraps no key", f"one that answers {KEY_BYTES} bytes")
        return key


class _Asking:
    """A `with` block around a plugin: whatever it raises, there is no key. Its text is not quoted."""

    def __init__(self, place: _Place) -> None:
        self._place = place

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if type(error) is LookupError:  # a KeyError is the plugin's own
            raise self._place.wrong("the name of no KMS plugin", f"one in the group {GROUP}") from None
        if isinstance(error, Exception):
            raise self._place.wrong(
                f"a KMS plugin that failed ({where(error)})", "an unwrapped key"
            ) from None


def _lines(text: bytes, file: str) -> dict[int, _Line]:
    """The lines by epoch, in order."""
    found: dict[int, _Line] = {}
    for number, line in enumerate(text.split() or [b""], 1):
        epoch, made = _line(line, _Place(file, number))
        if epoch <= max(found, default=0) or (not found and epoch != FIRST):
            raise made.place.wrong(f"epoch {epoch}", f"epochs in order, each once, from {FIRST} on")
        found[epoch] = made
    return found


def _line(line: bytes, place: _Place) -> tuple[int, _Line]:
    if not line.startswith(PREFIX):
        raise place.wrong("another text", f"one line per epoch that starts with {PREFIX.decode()!r}")
    *head, text = line[len(PREFIX) :].split(b":")
    at = _Place(place.file, place.line, len(line) - len(text) + 1)
    epoch = _epoch(head[0], place) if head else FIRST
    held = _decoded(text, at)
    if len(head) < len(("epoch", "kms")) and len(held) != KEY_BYTES:
        raise at.wrong(f"a key of {len(held)} bytes", f"{KEY_BYTES} bytes")
    return epoch, _Line(at, _name(head, place), held)


def _epoch(text: bytes, place: _Place) -> int:
    if not text.isdigit() or text[:1] == b"0" or len(text) > len(str(LAST)) or int(text) > LAST:
        raise place.wrong("something else before the key", f"an epoch, {FIRST} to {LAST}")
    return int(text)


def _name(head: list[bytes], place: _Place) -> str | None:
    match head:
        case [] | [_]:
            return None
        case [_, name] if name and name.isascii():
            return name.decode()
    raise place.wrong("another text", "an epoch, the name of a KMS plugin, and a wrapped key")


def _decoded(text: bytes, place: _Place) -> bytes:
    bare = text.rstrip(b"=")
    try:
        return base64.b64decode(bare + b"=" * (-len(bare) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        raise place.wrong("a key that is not base64url", f"{KEY_BYTES} bytes in base64url") from None
