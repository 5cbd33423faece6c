"""The fast path of forms that reach somebody: alike but for their values. Pure.

Taken by those of whom nothing is asked but to be judged, recorded and sent on as they came: every recipient
may be reached, and no rule counts, names, restores or changes anything in them.
"""

from collections.abc import Sequence
from typing import ClassVar, Final, NamedTuple

from gateway.audit.record import Phase
from gateway.audit.template import ANSWERED, Template
from gateway.codecs import scanning
from gateway.codecs.params import FORM
from gateway.codecs.program import Limits, Pattern, Tally
from gateway.codecs.scanning import MAX_PIECES, Forms
from gateway.codecs.steps import Compiled, compiled
from gateway.codecs.table import reader_for
from gateway.contacts.model import Standing
from gateway.contacts.naming import sender
from gateway.contacts.normalise import normalise
from gateway.contacts.rules import ALLOWED, Subject, judge, lenient, silent
from gateway.errors import PayloadError
from gateway.exchange.asking import Asked
from gateway.exchange.facts import Facts
from gateway.exchange.fastpath import MAX_HEAD, MAX_SHAPES, FastPath, Went
from gateway.exchange.finding import Addressed
from gateway.exchange.outgoing import request_head
from gateway.exchange.restoring import alike, holds_none, other_charset, unmasked, untouched
from gateway.exchange.signalling import FIELD
from gateway.http1.head import RequestHead
from gateway.model import SubjectKind
from gateway.policy.plan import Plan
from gateway.policy.snapshot import Snapshot

OPENING: Final = b"POST /"
_VERSION: Final = b" HTTP/1.1"
_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"\r\ncontent-length:"
_SENT: Final = b"\r\nContent-Length: "
_outlined: Final = scanning.outlined


class Outline(NamedTuple):
    """A request's head around the length of its body, which alone may differ."""

    front: bytes
    rest: bytes

    def body(self, raw: bytes) -> bytes | None:
        """The body of a request with this head that came in one piece; None for any other."""
        front, rest = self
        return self.body_by_rule(raw) if _outlined is None else _outlined(raw, front, rest)

    def body_by_rule(self, raw: bytes) -> bytes | None:
        """What body does, in Python alone."""
        front, rest = self
        if not raw.startswith(front):
            return None
        at = len(front)
        end = raw.find(b"\r", at, at + 12)
        if end < 0 or not raw.startswith(rest, end):
            return None
        begins = end + len(rest)
        return raw[begins:] if raw[at:end] == b"%d" % (len(raw) - begins) else None


def outline(raw: bytes) -> Outline | None:
    """Of a request that may go this way; None for any other."""
    end = raw.find(_END, 0, MAX_HEAD)
    if raw[:6] != OPENING or end < 0 or not raw[: raw.find(b"\r\n")].endswith(_VERSION):
        return None
    head = raw[: end + len(_END)]
    lower = head.lower()
    at = lower.find(_LENGTH)
    if at < 0 or lower.count(b"content-length") != 1:
        return None
    at += len(_LENGTH)
    at += head[at : at + 1] == b" "
    return Outline(head[:at], head[head.find(b"\r", at) :])


_Place = tuple[SubjectKind, int]


class _Layout(NamedTuple):
    """Where people stand in forms with the same names in the same order, and what that comes to.

    `met` are (slot, position in the form), `recipients` and `senders` (kind, position in the form); `reached`
    are the recipients' positions in `met`; `first` how many they are if they stand before all others, or 0.
    """

    met: tuple[tuple[int, int], ...]
    recipients: tuple[_Place, ...]
    senders: tuple[_Place, ...]
    reached: tuple[int, ...]
    first: int
    pattern: Pattern

    @property
    def tells(self) -> "_Tells":
        """What reading such a form tells, whatever the values."""
        return self.reached, self.first, self.pattern


_Tells = tuple[tuple[int, ...], int, Pattern]
_Person = tuple[SubjectKind, str]
_Read = tuple[_Tells, bool, list[tuple[int, str]], list[_Person], list[_Person]]
"""Whether no mask can be there; (slot, value) of those met, (kind, value) of recipients and senders."""


class ContactPath(FastPath):
    """`front` and `rest` are what the upstream is sent around the length of the body."""

    phase: ClassVar[Phase] = "outcome"
    statuses: ClassVar[frozenset[int]] = frozenset((200, 201, 202))
    numbers: ClassVar[tuple[str, ...]] = ("request_bytes", *ANSWERED)

    __slots__ = ("_checks", "_form", "_forms", "_intents", "_kinds", "_layouts", "_lenient", "front", "rest")

    def __init__(
        self, snapshot: Snapshot, form: Compiled, addressed: Addressed, facts: Facts, limits: Limits
    ) -> None:
        super().__init__(snapshot, addressed, facts, limits)
        self._form, self._kinds = form, form.kinds
        plan = addressed.plan
        self._checks = () if plan.channel is None else plan.contact.get(plan.channel, ())
        self._lenient = lenient(self._checks)
        self._forms = alike(plan, limits.max_body)
        self._layouts: dict[tuple[str | None, ...], _Layout | None] = {}
        self._intents: dict[tuple[Pattern, str], Template] = {}
        self.front = self.rest = b""

    def reaches(self, went: Went, body: bytes) -> bool:
        """Fill in whom a request would reach; False: that takes a closer look."""
        plan, forms = self._plan, self._forms
        if forms is None or plan.expires <= went.now:
            return False
        found: _Read | None = forms.read(body) or self._read(forms, body)
        if found is None:
            return False
        (at, first, went.asked), sure, met, recipients, went.senders = found
        for _, value in recipients:
            # Before a colon stands the name of another channel.
            if ":" in value:
                return False
        if not sure and not unmasked(plan, body):
            return False
        subjects: dict[str, None] = {}
        names, strange = self._name(subjects, self._kinds, met)
        if strange and not strange.isdisjoint(recipients):
            return False
        went.sends, went.recipients = body, recipients
        if first:
            went.reached, went.subjects = names[:first], subjects
        else:
            went.reached = reached = [names[each] for each in at]
            went.subjects = dict.fromkeys((*reached, *names))
        return True

    def allows(self, went: Went, standings: Sequence[Standing]) -> bool:
        """Whether they may be reached, and no rule has anything to say of that; False: as above.

        `standings`: of those in `reached`.
        """
        plan = self._plan
        went.standings = standings
        if self._lenient and silent(standings):
            return True
        country = plan.country
        senders = tuple([sender(kind, value, country) for kind, value in went.senders if value.strip()])
        for (kind, value), standing in zip(went.recipients, standings, strict=True):
            person = Subject(kind, normalise(kind, value, country))
            by = (plan.channel, plan.purposes, self._checks, went.now, senders)
            if judge(person, standing, *by, home=country) is not ALLOWED:
                return False
        return True

    def intent(self, went: Went) -> bytes:
        """The record before a request is sent to `address`."""
        key = went.asked, went.address
        template = self._intents.get(key) or self._intent(key)
        spent = max(1, int((self._tick() - went.started) * 1e6))
        return template.text(went.identifier, went.now, went.subjects, len(went.sends), spent, spent)

    def sent(self, went: Went) -> bytes:
        """The request as it is sent."""
        return b"%b%d%b%b" % (self.front, len(went.sends), self.rest, went.sends)

    def asks(self, facts: Facts, asked: Pattern) -> None:
        """What was found in a form."""
        tally = Tally.of(self._form)
        tally.take(asked, [], 0)
        facts.note(self._form, tally)

    def _intent(self, key: tuple[Pattern, str]) -> Template:
        if len(self._intents) >= MAX_SHAPES:
            self._intents.clear()
        numbers = ("request_bytes", "added_us", "total_us")
        made = Template(self.stands(*key).record("intent", 0), self._moment, numbers)
        self._intents[key] = made
        return made

    def _read(self, forms: Forms, body: bytes) -> _Read | None:
        """What `forms` leaves: of names that were not met yet, or that look odd and are not."""
        limits = self._limits
        if not 0 < len(body) <= limits.max_body or not untouched(self._plan, body):
            return None
        pairs = None if scanning.pairs is None else scanning.pairs(body, limits.max_fields)
        layout = None if pairs is None else self._layout(tuple([pair[0] for pair in pairs]))
        if pairs is None or layout is None:
            return None
        begin = tuple([raw[: raw.find(b"=") + 1] for _, _, raw in pairs])
        if len(begin) <= MAX_PIECES and all(begin):
            forms.add(begin, (layout.met, layout.recipients, layout.senders), layout.tells)
        met = [(slot, pairs[at][1]) for slot, at in layout.met]
        recipients = [(kind, pairs[at][1]) for kind, at in layout.recipients]
        return layout.tells, True, met, recipients, [(kind, pairs[at][1]) for kind, at in layout.senders]

    def _layout(self, names: tuple[str | None, ...]) -> _Layout | None:
        if names in self._layouts:
            return self._layouts[names]
        if len(self._layouts) >= MAX_SHAPES:
            self._layouts.clear()
        made = self._layouts[names] = _layout(self._form, names)
        return made


def _layout(form: Compiled, names: Sequence[str | None]) -> _Layout | None:
    """None where nobody stands whom such a form would reach, or whoever has no plain name in the registry."""
    slots, tally = form.slots, Tally.of(form)
    met: list[tuple[int, int]] = []
    by: dict[str, list[_Place]] = {"recipient": [], "sender": [], "person": []}
    reached: list[int] = []
    for at, name in enumerate(names):
        index = -1 if name is None else form.names.get(name, form.rest)
        if index < 0:
            continue
        tally.seen[index] += 1
        kind = slots[index].subject
        if kind is not None:
            role = slots[index].role
            if role == "recipient":
                reached.append(len(met))
            by[role].append((kind, at))
            met.append((index, at))
    slotted = [slots[met[at][0]] for at in reached]
    if not reached or any(slot.space or slot.subject == "record" for slot in slotted):
        return None
    first = len(reached) if reached == [*range(len(reached))] else 0
    places = tuple(by["recipient"]), tuple(by["sender"])
    return _Layout(tuple(met), *places, tuple(reached), first, tally.pattern)


def contact_path(
    snapshot: Snapshot, facts: Facts, addressed: Addressed, head: RequestHead, limits: Limits
) -> ContactPath | None:
    """The path of an exchange that reached somebody with a form; None where there is none."""
    plan = addressed.plan
    if not plan.brief or facts.peer.intercepted or addressed.routed or not head.path.endswith(addressed.path):
        return None
    form = _form(plan, head)
    if form is None or addressed.subjects or not holds_none(b"", head.headers):
        return None
    path = ContactPath(snapshot, form, addressed, facts, limits)
    asked = Asked(addressed.path, b"", head.headers, b"0")
    whole = request_head(head, plan, asked, looked=plan.response.body, offer=None)
    at = whole.rfind(_SENT) + len(_SENT)
    path.front, path.rest = whole[:at], whole[at + 1 :]
    return path


def _form(plan: Plan, head: RequestHead) -> Compiled | None:
    """What a form is looked through with; None for a request that is none, or whose form is changed."""
    kind, index = head.get(b"content-type"), head.index
    try:
        carrier, codec = reader_for(kind)
    except PayloadError:
        return None
    form = plan.request.form
    if codec is not FORM or carrier != "form" or form is None or other_charset(kind):
        return None
    odd = head.query or head.chunked or head.upgrade or head.expects_continue or not head.keep_alive
    if odd or b"content-encoding" in index or FIELD in index:
        return None
    made = compiled(form)
    changes = made.masks or made.per_person or made.inner or made.unmapped is not None
    return None if changes else made
