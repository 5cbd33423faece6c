"""What was decided about sub-processors outside the rule files: a file of lines beside the registry."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from gateway.audit.log import FileLog
from gateway.audit.record import Record
from gateway.deployment import Config
from gateway.errors import ConfigError, Problem
from gateway.recipients import Decision

FILE: Final = "recipients.jsonl"
SLOT: Final = 99
"""The chain of the access log that commands write to; workers have the lower ones."""


def decisions(config: Config) -> tuple[Decision, ...]:
    """All of them, in order. Raises ConfigError for a line that is none: an objection could be lost in it."""
    path = Path(config.caches) / FILE
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise ConfigError(
            (Problem(str(path), 1, 1, error.strerror or "an error", "a file to read"),)
        ) from None
    return tuple(_decision(path, number, line) for number, line in enumerate(lines, 1))


def decide(config: Config, decision: Decision, now: float) -> None:
    """Put it on record, then into the file. Raises StoreError; OSError where the file cannot be written."""
    log = FileLog(
        config.audit.dir,
        SLOT,
        "strict",
        call_soon=lambda work: work(),
        run_blocking=_at_once,
    )
    failed: list[Exception] = []
    try:
        log.append(_record(decision, now), lambda error: failed.append(error) if error else None)
    finally:
        log.close()
    if failed:
        raise failed[0]
    line = msgspec.json.encode(decision) + b"\n"
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    with os.fdopen(os.open(Path(config.caches) / FILE, flags, 0o600), "ab") as file:
        file.write(line)
        file.flush()
        os.fsync(file.fileno())


def _at_once(work: Callable[[], None], done: Callable[[], None]) -> None:
    work()
    done()


def _record(decision: Decision, now: float) -> Record:
    said = f"{decision.word} {decision.operator}, by {decision.by}"
    return Record(
        phase="entry",
        id=f"recipient-{int(now * 1e6):x}",
        at=now,
        tenant=decision.tenant,
        operator=decision.operator,
        note=f"{said}: {decision.reason}" if decision.reason else said,
    )


def _decision(path: Path, number: int, line: bytes) -> Decision:
    try:
        return msgspec.json.decode(line, type=Decision)
    except msgspec.MsgspecError:
        expected = "a decision that `hushgate register` wrote"
        raise ConfigError((Problem(str(path), number, 1, "another line", expected),)) from None
