"""Refusals of what never became a request to the core: recorded as any other, and answered alike."""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mitmproxy.proxy import commands

from gateway.audit.record import Record
from gateway.errors import HushgateError
from gateway.exchange.commands import Append, Release
from gateway.exchange.exchange import Exchange
from gateway.http1.head import RequestHead, ResponseHead, parse_response_head
from gateway.planes.intercept.session import Session

if TYPE_CHECKING:
    from gateway.planes.reverse.worker import Worker


@dataclass
class HushgateRefusedHook(commands.StartHook):
    """A connection is ended: the add-on records why, before anything is sent."""

    data: "Ended"


@dataclass
class Ended:
    """A connection that is ended, and why."""

    client: Any
    error: HushgateError


async def refused(
    worker: "Worker", session: Session, error: HushgateError, method: str = "-"
) -> tuple[ResponseHead, bytes]:
    """Have a refusal accepted by the log; returns the answer that says so (of 503 when it was not)."""
    head = _asked(method) if method != "-" else None
    exchange = Exchange(worker.env, worker.identifier(), head, session.peer, worker.now())
    facts = exchange.facts
    facts.identity = worker.env.snapshot.directory.identify(None, session.peer)
    run = exchange.refuse(error)
    command: Any = next(run)
    while isinstance(command, Append):
        worker.metrics.observe(command.record)
        failed = await _accepted(worker, command.record)
        command = run.send(None) if failed is None else run.throw(failed)
    answer: Release = command
    return parse_response_head(answer.head, method), answer.body


async def _accepted(worker: "Worker", record: Record) -> Exception | None:
    future: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()

    def accepted(error: Exception | None) -> None:
        if not future.done():
            future.set_result(error)

    worker.services.log.append(record, accepted)
    return await future


def _asked(method: str) -> RequestHead:
    return RequestHead(method, b"", b"", b"", 1, [], {}, b"", None, False, True, False, False)
