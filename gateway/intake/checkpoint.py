"""How far the taking in of a file has come, so that it can go on there. One small file for each.

A checkpoint may lag behind what was entered, never lead: rows taken twice are the same entries.
"""

import contextlib
import os
from pathlib import Path

import msgspec

from gateway.errors import StoreError


class Progressed(msgspec.Struct, frozen=True):
    """Line behind which to go on, and counts until then. `file`: SHA-256 of the file it is about."""

    file: str
    line: int = 0
    rows: int = 0
    new: int = 0
    rejected: int = 0


class Checkpoint:
    """The file `<batch>.json` in a folder of the tenant's. Raises StoreError when it cannot be written."""

    def __init__(self, folder: Path, tenant: str, batch: str) -> None:
        self._path = folder / tenant / f"{batch}.json"

    def read(self, file: str) -> Progressed:
        """How far this very file came; another one, or none, begins at its start."""
        try:
            held = msgspec.json.decode(self._path.read_bytes(), type=Progressed)
        except (OSError, msgspec.DecodeError):
            return Progressed(file)
        return held if held.file == file else Progressed(file)

    def write(self, progressed: Progressed) -> None:
        """Replace it."""
        fresh = self._path.with_suffix(".tmp")
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh.write_bytes(msgspec.json.encode(progressed))
            os.replace(fresh, self._path)  # noqa: PTH105 - what it does to the old one is the point
        except OSError as error:
            raise StoreError(
                "registry_unavailable", f"no checkpoint can be kept: {error.strerror}"
            ) from error

    def clear(self) -> None:
        """The file was taken in whole."""
        with contextlib.suppress(OSError):
            self._path.unlink()
