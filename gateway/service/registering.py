"""The transfer register of this machine: a file beside the registry, brought up to date from the access log.

Everything that leaves the gateway is on record before it does, so that nothing has to be counted on the way.
What the file has counted stays when segments of the log are deleted.
"""

import os
from pathlib import Path
from typing import Final

import msgspec

from gateway.audit.chain import decode
from gateway.audit.walk import chains
from gateway.deployment import Config
from gateway.errors import StoreError
from gateway.residency.register import Register, Row

FILE: Final = "transfers.json"
VERSION: Final = 1


class Kept(msgspec.Struct, frozen=True):
    """The file: the rows, and how many bytes of each segment are in them."""

    version: int
    rows: tuple[Row, ...] = ()
    read: dict[str, int] = {}


def register(config: Config, *, anew: bool = False) -> Register:
    """The register up to the last whole line of the log. `anew`: from the log that is there alone.

    Raises StoreError when log or file cannot be read or written.
    """
    path = Path(config.caches) / FILE
    kept = Kept(version=VERSION) if anew else _read(path)
    made = Register(kept.rows)
    read = dict(kept.read)
    try:
        for segment in (path for paths in chains(Path(config.audit.dir)).values() for path in paths):
            read[segment.name] = _add(made, segment, read.get(segment.name, 0))
        if anew or read != kept.read:
            _write(path, Kept(version=VERSION, rows=made.rows(), read=read))
    except OSError as error:
        raise _unusable(path, error.strerror or "cannot be used") from None
    return made


def _add(made: Register, segment: Path, start: int) -> int:
    """Count the lines from an offset on; the offset after the last whole one."""
    with segment.open("rb") as file:
        if start > file.seek(0, os.SEEK_END):
            raise _unusable(segment, "shorter than it was: `hushgate register rebuild` counts anew")
        file.seek(start)
        for line in file:
            if not line.endswith(b"\n"):
                break
            made.add(decode(line[:-1]).record)
            start += len(line)
    return start


def _read(path: Path) -> Kept:
    try:
        kept = msgspec.json.decode(path.read_bytes(), type=Kept)
    except FileNotFoundError:
        return Kept(version=VERSION)
    except (OSError, msgspec.MsgspecError):
        raise _unusable(path, "no transfer register") from None
    if kept.version != VERSION:
        raise _unusable(path, "of another version")
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
