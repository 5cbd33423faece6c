"""The transfer register of this machine: a file beside the registry, brought up to date from the access log.

Everything that leaves the gateway is on record before it does, so that nothing has to be counted on the way.
What the file has counted stays when segments of the log are deleted.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from gateway.audit.chain import digest
from gateway.audit.walk import chains
from gateway.deployment import Config
from gateway.errors import StoreError
from gateway.residency.register import Observed, Register, Row

FILE: Final = "transfers.json"
VERSION: Final = 2


class Position(msgspec.Struct, frozen=True):
    """How far a chain was read: in which segment, to which byte, and the hash of the last line counted.
    `first` is the hash of the chain's first line, by which it is known."""

    segment: int = 0
    offset: int = 0
    digest: str = ""
    first: str = ""


class Kept(msgspec.Struct, frozen=True):
    """The file: the rows, and by chain what is in them."""

    version: int
    rows: tuple[Row, ...] = ()
    read: dict[str, Position] = {}


def register(config: Config, *, anew: bool = False) -> Register:
    """The register up to the last whole line of the log. `anew`: from the log that is there alone.

    Segments that were read to their end are not opened again. Raises StoreError when log or file cannot be
    read or written, and when the log does not go on where it was read last.
    """
    path = Path(config.caches) / FILE
    kept = Kept(version=VERSION) if anew else _read(path)
    made = Register(kept.rows)
    read = dict(kept.read)
    try:
        for chain, segments in chains(Path(config.audit.dir)).items():
            at = Position() if anew else read.get(chain, Position())
            read[chain] = _add(made, segments, at, check=not anew)
        if anew or read != kept.read:
            _write(path, Kept(version=VERSION, rows=made.rows(), read=read))
    except OSError as error:
        raise _unusable(path, error.strerror or "cannot be used") from None
    return made


def _add(made: Register, segments: Iterable[Path], at: Position, *, check: bool) -> Position:
    """Count what a chain holds after a position; the one after its last whole line. `check`: it goes on."""
    numbered = {int(segment.name.split(".")[1]): segment for segment in segments}
    first = _first(numbered.get(1))
    if max(numbered) < at.segment or (first and at.first and first != at.first):
        at = Position()  # the log that was read was moved away, and another one was begun
    for number, segment in numbered.items():
        if number >= at.segment:
            start = at.offset if number == at.segment else 0
            offset, last = _segment(made, segment, start, at.digest if check else "")
            at = Position(number, offset, last or at.digest, first or at.first)
    return at


def _first(segment: Path | None) -> str:
    if segment is None:
        return ""
    with segment.open("rb") as file:
        line = file.readline()
    return digest(line[:-1]) if line.endswith(b"\n") else ""


def _segment(made: Register, segment: Path, offset: int, before: str) -> tuple[int, str]:
    """Count the lines from an offset on: where the last whole one ends, and its hash. The first of them must
    follow on the line with the hash `before`, if there is one."""
    decode = msgspec.json.Decoder(Observed).decode
    last = b""
    with segment.open("rb") as file:
        if offset > file.seek(0, os.SEEK_END):
            raise _unusable(segment, _ANOTHER)
        file.seek(offset)
        for line in file:
            if not line.endswith(b"\n"):
                break
            try:
                it = decode(line)
            except msgspec.MsgspecError:
                raise _unusable(segment, "not a line of an audit chain") from None
            if before and not last and it.prev != before:
                raise _unusable(segment, _ANOTHER)
            made.add(it)
            offset, last = offset + len(line), line
    return offset, digest(last[:-1]) if last else ""


_ANOTHER: Final = "does not go on where it was read last: `hushgate register rebuild` counts anew"


def _read(path: Path) -> Kept:
    try:
        kept = msgspec.json.decode(path.read_bytes(), type=Kept)
    except FileNotFoundError:
        return Kept(version=VERSION)
    except (OSError, msgspec.MsgspecError):
        raise _unusable(path, "no transfer register: `hushgate register rebuild` makes one") from None
    if kept.version != VERSION:
        raise _unusable(path, "of another version: `hushgate register rebuild` counts anew")
    return kept


def _write(path: Path, kept: Kept) -> None:
    written = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(msgspec.json.encode(kept))
        file.flush()
        os.fsync(file.fileno())
    written.replace(path)


def _unusable(path: Path, why: str) -> StoreError:
    return StoreError("audit_unavailable", why, str(path))
