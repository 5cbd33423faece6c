"""Keeps account of how instructions and sub-processors stand, by itself: at start, on reload, when something
was decided, and when a day begins. Each change is put on record, once.

How they stood last is kept in a file beside the registry, so that what changed while the gateway was stopped
is a step too. A step that cannot be put on record is tried again: the file is written after the log.
"""

import logging
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from gateway import clock
from gateway.deployment import Config
from gateway.errors import StoreError
from gateway.policy.steps import SOUND, Standing, record_of, standings, steps
from gateway.service.boot import Loaded
from gateway.service.noting import note

log = logging.getLogger("hushgate.rules")

FILE: Final = "steps.json"
VERSION: Final = 1
SLOT: Final = 98
"""The chain of the access log that the supervisor writes to, when there is something to write."""
AGAIN: Final = 30.0
"""seconds until a step that could not be put on record is tried again"""
DAY: Final = 86_400


class Kept(msgspec.Struct, frozen=True):
    """The file: how everything stood that is not as it should be, and all sub-processors."""

    version: int
    standings: tuple[Standing, ...] = ()


class Accounts:
    """The account of one gateway. `due`: when it is to be looked at next if nothing happens before."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self.due = 0.0

    def take(self, loaded: Loaded) -> int:
        """Put on record what stands differently; the number of steps. Raises StoreError."""
        now = clock.now()
        self.due = now + AGAIN
        kept = _read(self._path)
        after = tuple(_standing(loaded, now))
        made = tuple(steps(kept.standings, after))
        if made:
            records = [record_of(word, it, now, number) for number, (word, it) in enumerate(made)]
            note(self._config, SLOT, records)
            for word, it in made:
                log.warning("%s %s of tenant %s %s: %s", it.kind, it.name, it.tenant, word, it.told)
            _write(self._path, Kept(VERSION, tuple(it for it in after if it.state != SOUND)))
        self.due = (now // DAY + 1) * DAY
        return len(made)

    @property
    def _path(self) -> Path:
        return Path(self._config.caches) / FILE


def _standing(loaded: Loaded, now: float) -> Iterator[Standing]:
    today = datetime.fromtimestamp(now, UTC).date()
    for entry in loaded.rules.tenants():
        if entry.line.accountable:
            yield from standings(loaded.policy(entry), today)


def _read(path: Path) -> Kept:
    try:
        kept = msgspec.json.decode(path.read_bytes(), type=Kept)
    except FileNotFoundError:
        return Kept(VERSION)
    except (OSError, msgspec.MsgspecError):
        kept = Kept(0)
    if kept.version != VERSION:
        # everything is put on record anew, rather than nothing
        log.error("%s cannot be read; how rules and sub-processors stand is put on record anew", path)
        return Kept(VERSION)
    return kept


def _write(path: Path, kept: Kept) -> None:
    written = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(msgspec.json.encode(kept))
            file.flush()
            os.fsync(file.fileno())
        written.replace(path)
    except OSError as error:
        raise StoreError("audit_unavailable", error.strerror or "cannot be written", str(path)) from None
