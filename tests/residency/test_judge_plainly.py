"""What a gate answers, which groups and remembers, against every rule, category and basis by itself."""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from gateway.model import Location, Mode, Residency, Upstream, covers
from gateway.residency.bases import Under, grounds
from gateway.residency.evidence import Estimate
from gateway.residency.judge import OPERATOR, REGION, UNKNOWN, Explanation, Gate, ResidencyCheck
from gateway.residency.law import expand, inside
from gateway.residency.locate import AddressTable, locate
from gateway.residency.ranges import ranges
from gateway.residency.snapshot import Snapshot, dump, load
from gateway.residency.tables import Source
from gateway.transfers import Basis, BasisKind

TODAY = date(2026, 11, 21)
UNDER = Under(consents=("us",), provider="sms")
ROWS = [
    ("52.0.0.0/8", "US", "AWS"),
    ("52.16.0.0/16", "IE", "AWS"),
    ("54.0.0.0/8", "US", "Twilio"),
    ("54.0.0.0/8", "IL", ""),
    ("31.0.0.0/8", "EU", ""),
    ("10.0.0.0/8", "FR", "OVH"),
]
ADDRESSES = (
    *("52.1.0.1", "52.1.0.2", "52.16.0.1", "54.0.0.1", "31.1.1.1", "10.1.1.1", "127.0.0.1", "192.168.0.1"),
    *(
        "9.0.0.1",
        "9.0.0.2",
        "9.1.0.1",
        "9.2.0.1",
        "2a00::1",
        "2b00::1",
        "::ffff:9.0.0.1",
        "nonsense",
        "010.1.1.1",
    ),
)
CATEGORIES = (
    "user.contact.email",
    "user.contact.phone_number",
    "user.name",
    "user.unique_id",
    "system.operations",
)


def snapshot() -> Snapshot:
    """A small one."""
    nine, two = 9 << 24, 0x2A00 << 112
    countries = ranges(
        {
            4: [(nine, nine + 0xFFFF, "FR"), (nine + 0x1_0000, nine + 0x1_FFFF, "US")],
            6: [(two, two + (1 << 96) - 1, "DE")],
        }
    )
    operators = ranges({4: [(nine, nine + 0xFFFF, "OVH"), (nine + 0x1_0000, nine + 0x1_FFFF, "Cloudflare~")]})
    empty = Source(name="x", licence="x", attribution="x", dated=TODAY, rows=1, sha256=())
    return load(dump(countries, operators, (empty, empty)))


SNAPSHOT = snapshot()


def table() -> AddressTable:
    """One that remembers nothing yet."""
    return AddressTable(ROWS, (Estimate(lambda: SNAPSHOT),))


# ---- plainly ----------------------------------------------------------------------------------------------


def plainly(checks: list[ResidencyCheck], upstream: Upstream, address: str) -> Explanation:
    """The same answer, with nothing shared, grouped or remembered."""
    places = locate(table(), address, upstream, TODAY)
    if not places:
        enforced, shadow = ([c.rule for c in checks if c.mode == mode] for mode in ("enforce", "shadow"))
        return Explanation(UNKNOWN, tuple(enforced), tuple(shadow), None)
    found = [(check, *finding(check, places)) for check in checks]
    failed = [each for each in found if each[0].mode == "enforce" and each[1]]
    reasons = [reason for _, reason, _, _ in failed]
    return Explanation(
        reason=next((reason for reason in (REGION, OPERATOR) if reason in reasons), ""),
        rules=tuple(check.rule for check, *_ in failed),
        shadow=tuple(check.rule for check, reason, *_ in found if check.mode == "shadow" and reason),
        location=places[0],
        categories=tuple(dict.fromkeys(c for *_, categories, _ in failed for c in categories)),
        bases=tuple(dict.fromkeys(b for check, *_, bases in found if check.mode == "enforce" for b in bases)),
    )


def finding(check: ResidencyCheck, places: tuple[Location, ...]) -> tuple[str, list[str], list[str]]:
    """(reason, categories, bases) of one check."""
    rule = check.residency
    allowed = expand(rule.regions, rule.adequacy, TODAY)
    home = expand(rule.regions, False, TODAY)
    away: list[str] = []
    bases: list[str] = []
    for at in places if rule.regions or rule.adequacy or rule.bases else ():
        if inside(at.country, allowed, TODAY):
            bases += [] if inside(at.country, home, TODAY) else ["adequacy"]
            continue
        for category in check.data or ("",):
            kind = relied(rule, at, category)
            (bases if kind else away).append(kind or category)
    if away:
        return REGION, [category for category in check.data if category in away], bases
    names = [operator.casefold() for operator in rule.operators]
    if names and any(at.operator.casefold() not in names for at in places):
        return OPERATOR, list(check.data), bases
    return "", [], bases


def relied(rule: Residency, at: Location, category: str) -> str:
    """The kind of the first basis that lets a category go to a place."""
    for ground in grounds(rule.bases, UNDER, TODAY):
        speaks = not ground.data or (category and any(covers(each, category) for each in ground.data))
        meant = not ground.recipients or ground.recipients & {"sms", at.operator.casefold()}
        if speaks and meant and (ground.places is None or inside(at.country, ground.places, TODAY)):
            return ground.kind
    return ""


# ---- against one another ----------------------------------------------------------------------------------

KINDS: tuple[BasisKind, ...] = ("adequacy", "dpf", "privacy_shield", "scc", "tenant_consent")
MODES: tuple[Mode, ...] = ("enforce", "enforce", "shadow")
_bases = st.builds(
    Basis,
    kind=st.sampled_from(KINDS),
    recipients=st.sampled_from(((), (), ("sms",), ("Twilio", "aws"), ("ovh",))),
    countries=st.sampled_from(((), (), ("US",), ("IL", "EU"))),
    data=st.sampled_from(((), ("user.contact",), ("user.name", "user.contact.email"), ("user",))),
    consent=st.sampled_from(("us", "other")),
)
_residency = st.builds(
    Residency,
    regions=st.sampled_from(((), ("EEA",), ("FR", "US-DPF"), ("EU", "IL"))),
    adequacy=st.booleans(),
    operators=st.sampled_from(((), (), ("AWS", "OVH"), ("twilio",))),
    bases=st.lists(_bases, max_size=3).map(tuple),
)
_checks = st.builds(
    ResidencyCheck,
    rule=st.sampled_from("abc"),
    mode=st.sampled_from(MODES),
    residency=_residency,
    data=st.lists(st.sampled_from(CATEGORIES), unique=True).map(lambda data: tuple(sorted(data))),
)
_upstreams = st.builds(
    Upstream,
    name=st.just("u"),
    provider=st.just("sms"),
    url=st.sampled_from(("https://api.example", "http://127.0.0.1:80")),
    region=st.sampled_from(("EU", "US", "US-DPF", "FR")),
    operator=st.sampled_from(("AWS", "OVH", "Twilio")),
)


@given(
    st.lists(_checks, max_size=3),
    _upstreams,
    st.lists(st.sampled_from(ADDRESSES), min_size=1, max_size=12),
)
def test_a_gate_answers_as_the_rules_are_read(
    checks: list[ResidencyCheck], upstream: Upstream, asked: list[str]
) -> None:
    gate = Gate(tuple(checks), TABLE, upstream, TODAY, under=UNDER)
    for address in asked:
        expected = plainly(checks, upstream, address)
        assert gate.explain(address) == expected
        assert gate(address) == (None if expected.reason else expected.location)


TABLE = table()
"""Shared by all examples: whatever it remembers may not matter."""
