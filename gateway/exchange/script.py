"""A script in place of the world: what an exchange asks for is answered from it, and kept in order. Pure."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.audit.record import Record
from gateway.contacts.caps import opens
from gateway.contacts.model import UNKNOWN, Entry, Reservation, Standing
from gateway.errors import HushgateError, InternalError, UpstreamError
from gateway.exchange.case import CaseMessage
from gateway.exchange.commands import (
    Acquire,
    Append,
    Begin,
    Collect,
    CollectAnswer,
    Command,
    Enter,
    Hangup,
    Lookup,
    Next,
    NotPermitted,
    Pipe,
    Release,
    Reserve,
    Reserved,
    Send,
    Switch,
    Through,
    Write,
)
from gateway.exchange.conversing import Conversation
from gateway.http1.head import ResponseHead

ADDRESS = "192.0.2.10"
"""Where an upstream's name leads in a case that names no address (RFC 5737)."""


@dataclass(slots=True)
class Script:
    """The world an exchange meets: the request body, standings by pseudonym, addresses, the answer.

    `failures` maps a command type to an error thrown instead of its answer. `part`: bytes of the answer's
    body that come at once where the exchange takes it in parts (0: all); `ends`: where its parts end instead.
    `uploaded` is what went upstream of a body that was sent on as it was read, `whole` whether all of it.
    `messages` are said once a WebSocket is open; `conversation` is that.
    """

    body: bytes = b""
    standings: Mapping[str, Standing] = field(default_factory=dict)
    reached: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    reserved: Mapping[str, str] = field(default_factory=dict)
    addresses: tuple[str, ...] = (ADDRESS,)
    answer: ResponseHead | None = None
    answer_body: bytes = b""
    failures: Mapping[type, HushgateError] = field(default_factory=dict)
    commands: list[Command] = field(default_factory=list)
    part: int = 0
    ends: tuple[int, ...] = ()
    uploaded: bytes = b""
    whole: bool = False
    messages: Sequence[CaseMessage] = ()
    conversation: Conversation | None = None
    _taken: int = 0

    def answer_to(self, command: Command) -> Any:
        """What the world says to a command. Raises what the script wants to fail."""
        self.commands.append(command)
        failure = self.failures.get(type(command))
        if failure is not None:
            raise failure
        match command:
            case Collect(limit, part):
                return self.body[: limit + 1] if part else _within(self.body, limit)
            case Lookup(_, pseudonyms):
                return [self.standings.get(pseudonym, UNKNOWN) for pseudonym in pseudonyms]
            case Reserve() | Reserved():
                return self._counted(command)
            case Acquire(_, permit):
                permitted = [address for address in self.addresses if permit(address) is not None]
                return permitted[0] if permitted else NotPermitted(self.addresses)
            case Send() if self.answer is None:
                raise UpstreamError("upstream_unreachable", "the script has no answer")
            case Send():
                if command.through is not None:
                    self._upload(command.through)
                return self.answer
            case CollectAnswer(limit):
                return _within(self.answer_body, limit)
            case Pipe():
                return len(self.answer_body), None
            case Next() | Switch() | Hangup():
                return self._on_the_wire(command)
        return None

    def _counted(self, command: Reserve | Reserved) -> list[float | None] | list[str | None]:
        if isinstance(command, Reserved):
            return [self.reserved.get(each) for each in command.ids]
        return [freed(each, self.reached.get(each.subject, ()), command.now) for each in command.wanted]

    def _on_the_wire(self, command: Next | Switch | Hangup) -> Any:
        if isinstance(command, Next):
            return self._next(command.enough)
        if isinstance(command, Switch):
            self.conversation = Conversation(command, self.answer_to, lambda: self.records)
            self.conversation.hold(self.messages)
        elif self.conversation is not None:
            self.conversation.end(command)
        return None

    def _upload(self, through: Through) -> None:
        """Put the rest of the request's body through, in parts. Raises what `through` does."""
        collect = next(command for command in self.commands if isinstance(command, Collect))
        self.uploaded = through.ready()
        for at in range(collect.limit + 1, len(self.body), self.part or len(self.body)):
            self.uploaded += through.feed(self.body[at : at + (self.part or len(self.body))])
        self.uploaded += through.finish()
        self.whole = True

    def _next(self, enough: int) -> tuple[bytes, bool]:
        body, at = self.answer_body, self._taken
        wanted = min(len(body), at + max(enough, self.part)) if self.part else len(body)
        if self.ends:
            wanted = next((end for end in self.ends if end >= at + enough), len(body))
        self._taken = wanted
        return body[at : self._taken], self._taken == len(body)

    @property
    def records(self) -> list[Record]:
        """Records appended, in order."""
        return [command.record for command in self.commands if isinstance(command, Append)]

    @property
    def entered(self) -> list[Entry]:
        """What was added to the contact registry, in order."""
        return [e for command in self.commands if isinstance(command, Enter) for e in command.entries]

    @property
    def sent(self) -> Send | None:
        """The request as it went upstream, if it did."""
        return next((command for command in self.commands if isinstance(command, Send)), None)

    @property
    def released(self) -> tuple[bytes, bytes]:
        """(head, body) the caller got; the body without its framing, and as far as it came."""
        begun = next((command for command in self.commands if isinstance(command, Begin)), None)
        if begun is not None:
            return begun.head, b"".join(c.data for c in self.commands if isinstance(c, Write))
        switch = next((command for command in self.commands if isinstance(command, Switch)), None)
        if switch is not None:
            return switch.head, b""
        last = self.commands[-1]
        if isinstance(last, Pipe):
            return last.head, self.answer_body
        if isinstance(last, Release):
            return last.head, last.body
        raise InternalError("the exchange released nothing")


def freed(wanted: Reservation, reached: Sequence[float], now: float) -> float | None:
    """When a contact would be within its limits, from when its person was reached before; None: now."""
    return max(filter(None, (opens(reached, cap, now) for cap in wanted.caps)), default=None)


def _within(body: bytes, limit: int) -> bytes:
    if len(body) > limit:
        raise InternalError(f"a body of more than {limit} bytes in a script")
    return body


def play(run: Generator[Command, Any, None], script: Script) -> Script:
    """Step an exchange to its end; returns the script with the commands filled in."""
    answer: Any = None
    error: HushgateError | None = None
    while True:
        try:
            command = run.send(answer) if error is None else run.throw(error)
        except StopIteration:
            return script
        answer, error = None, None
        try:
            answer = script.answer_to(command)
        except HushgateError as failed:
            error = failed
