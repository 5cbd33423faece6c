"""A campaign before it is sent: everybody counted once, under the reason that would refuse."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from gateway.contacts.model import Consent, Standing, Suppression
from gateway.contacts.relied import subject
from gateway.contacts.rules import Check
from gateway.intake.previewing import TOGETHER, TWICE, UNREAD, Campaign, Preview, preview
from gateway.intake.table import Fault, Row
from gateway.listlimit import ListLimit, Relied
from gateway.model import Contact
from tests.intake.intakes import NAMED, NOW

CONSENT = Check("calls-need-consent", "enforce", Contact(require="consent"))
HOURS = Check("quiet", "enforce", Contact(start=0, end=1, timezone="UTC"))
NO_LISTS: Mapping[str, float] = MappingProxyType({})
GRANTED = Standing(consents=(Consent(state="granted"),))


def numbers(count: int) -> list[str]:
    return [f"+336{n:08d}" for n in range(count)]


def counted(
    cells: Sequence[str],
    known: dict[str, Standing],
    *checks: Check,
    at: float = NOW,
    lists: Mapping[str, float] = NO_LISTS,
) -> tuple[Preview, list[tuple[int, str]]]:
    standings = {NAMED("phone", value): standing for value, standing in known.items()}
    standings |= {subject(name): Standing(dated=made) for name, made in lists.items()}
    rows: list[Row] = [(n, [cell]) for n, cell in enumerate(cells, 1)]
    rows.append((len(rows) + 1, Fault("bytes")))
    skipped: list[tuple[int, str]] = []
    campaign = Campaign("sms", ("marketing",), checks, at, "FR")

    def look(asked: Sequence[str]) -> list[Standing]:
        assert len(asked) <= TOGETHER
        return [standings.get(one, Standing()) for one in asked]

    found = preview(rows, 0, campaign, NAMED, look, lambda line, reason: skipped.append((line, reason)))
    return found, skipped


def test_everybody_is_counted_once() -> None:
    people = numbers(1200)
    known = {
        people[3]: Standing(suppressions=(Suppression(),)),
        people[700]: Standing(suppressions=(Suppression(channel="email"),)),
    }
    found, skipped = counted([*people, "no number", people[0]], known)
    assert (found.recipients, found.reached) == (1203, 1199)
    assert found.skipped == {"contact_suppressed": 1, "contact_unknown_recipient": 1, TWICE: 1, UNREAD: 1}
    assert sorted(skipped) == [
        (4, "contact_suppressed"),
        (1201, "contact_unknown_recipient"),
        (1202, TWICE),
        (1203, UNREAD),
    ]


def test_rules_that_refuse_are_named() -> None:
    people = numbers(3)
    found, _ = counted(people, {people[0]: GRANTED}, CONSENT)
    assert found.reached == 1
    assert found.rules == {"calls-need-consent": 2}


def test_who_could_be_reached_later_is_counted() -> None:
    found, _ = counted(numbers(2), {}, HOURS, at=NOW - NOW % 86_400 + 43_200)
    assert (found.reached, found.waits) == (0, 2)


def test_a_list_that_is_too_old_is_counted_as_the_reason() -> None:
    limit = ListLimit(max_age=86_400.0, warn_after=80_000.0)
    relying = Check("uk", "enforce", Contact(lists=(Relied("tps", limit),)))
    people = numbers(3)
    found, _ = counted(people, {people[0]: GRANTED}, relying)
    assert (found.reached, found.skipped["contact_list_stale"]) == (1, 2)
    found, _ = counted(people, {}, relying, lists={"tps": NOW - 80_000.0})
    assert found.reached == 3
