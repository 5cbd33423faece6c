"""What was decided outside the rule files, about sub-processors and about instructions that the law speaks
against: files of lines beside the registry, read again when they have changed."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from gateway.deployment import Config
from gateway.errors import ConfigError, Problem
from gateway.policy.steps import said
from gateway.recipients import Decision
from gateway.service.noting import note
from gateway.transfers import Confirmation

RECIPIENTS: Final = "recipients.jsonl"
CONFIRMATIONS: Final = "confirmations.jsonl"
SLOT: Final = 99
"""The chain of the access log that commands write to; workers have the lower ones."""

Mark = tuple[tuple[int, int, int], ...]
"""Of each file that is there: which one, its size, when it was written."""


@dataclass(frozen=True, slots=True)
class Told:
    """All that was decided, in order, and the mark of the files it was read from."""

    decisions: tuple[Decision, ...] = ()
    confirmations: tuple[Confirmation, ...] = ()
    mark: Mark = ()


UNTOLD: Final = Told()


def told(config: Config) -> Told:
    """Read it. Raises ConfigError for a line that is no decision: an objection could be lost in it."""
    before = mark(config)  # what is written meanwhile is read again
    folder = Path(config.caches)
    return Told(_lines(folder / RECIPIENTS, Decision), _lines(folder / CONFIRMATIONS, Confirmation), before)


def mark(config: Config) -> Mark:
    """What the files are like now; costs two calls of the system."""
    found = []
    for name in (RECIPIENTS, CONFIRMATIONS):
        try:
            its = os.stat(f"{config.caches}/{name}")  # noqa: PTH116 - asked four times a second
        except OSError:
            found.append((0, 0, 0))
        else:
            found.append((its.st_ino, its.st_size, its.st_mtime_ns))
    return tuple(found)


def decide(config: Config, decision: Decision | Confirmation, now: float) -> None:
    """Put it on record, then into its file. Raises StoreError; OSError where the file cannot be written."""
    note(config, SLOT, (said(decision, now),))
    name = RECIPIENTS if isinstance(decision, Decision) else CONFIRMATIONS
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    with os.fdopen(os.open(Path(config.caches) / name, flags, 0o600), "ab") as file:
        file.write(msgspec.json.encode(decision) + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _lines[L: (Decision, Confirmation)](path: Path, kind: type[L]) -> tuple[L, ...]:
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise ConfigError(
            (Problem(str(path), 1, 1, error.strerror or "an error", "a file to read"),)
        ) from None
    return tuple(_line(path, number, line, kind) for number, line in enumerate(lines, 1))


def _line[L: (Decision, Confirmation)](path: Path, number: int, line: bytes, kind: type[L]) -> L:
    try:
        return msgspec.json.decode(line, type=kind)
    except msgspec.MsgspecError:
        expected = "a line that `hushgate register` or `hushgate rules` wrote"
        raise ConfigError((Problem(str(path), number, 1, "another line", expected),)) from None
