"""`route`: among generated upstreams a request goes to one that may have it, with its own key, or nowhere."""

from dataclasses import dataclass

from hypothesis import example, given
from hypothesis import strategies as st

from gateway.exchange.commands import Acquire
from gateway.model import Upstream
from tests.world import RULES, Played, World

PLACES = ("FR", "US", "JP")
ADDRESSES = {"FR": "127.0.0.1", "US": "203.0.113.5", "JP": "198.51.100.7", "": "9.9.9.9"}
"""Where the name leads, by country; "": where nobody knows more than what is declared."""
NETWORKS = tuple((f"{address}/32", country, "") for country, address in ADDRESSES.items() if country)


@dataclass(frozen=True)
class Given:
    """One upstream: where it is declared to stand, who runs it, whose it is, of what provider."""

    region: str
    operator: str
    tenants: tuple[str, ...] = ()
    provider: str = "crm"

    def upstream(self, number: int) -> Upstream:
        return Upstream(
            name=f"other-{number}",
            provider=self.provider,
            url=f"https://other-{number}.example",
            region=self.region,
            operator=self.operator,
            tenants=self.tenants,
            prefix=f"/other-{number}",
            credential=f"secret-{number}",
        )


@dataclass(frozen=True)
class Rule:
    """One residency rule."""

    regions: tuple[str, ...]
    operators: tuple[str, ...] = ()
    route: bool = True

    def written(self, number: int) -> str:
        operators = f", operators: [{', '.join(self.operators)}]" if self.operators else ""
        route = ", route: true" if self.route else ""
        places = ", ".join(self.regions)
        return f"  - {{id: r{number}, residency: {{data: user, regions: [{places}]{operators}{route}}}}}\n"

    def allows(self, region: str, operator: str) -> bool:
        return region in self.regions and (not self.operators or operator in self.operators)


operators = st.sampled_from(("OVH", "AWS"))
upstreams = st.builds(
    Given,
    st.sampled_from(PLACES),
    operators,
    st.sampled_from(((), (), ("acme",), ("somebody",))),
    st.sampled_from(("crm", "crm", "crm", "mail")),
)
rules = st.builds(
    Rule,
    st.lists(st.sampled_from(PLACES), min_size=1, max_size=2, unique=True).map(tuple),
    st.lists(operators, max_size=1).map(tuple),
    st.sampled_from((True, True, False)),
)


def asked(first: Given, others: list[Given], stated: list[Rule], at: str) -> Played:
    it = World(
        rules=RULES + "rules:\n" + "".join(rule.written(n) for n, rule in enumerate(stated)),
        region=first.region,
        operator=first.operator,
        networks=NETWORKS,
        addresses=(ADDRESSES[at],),
        credential="secret-first",
        others=tuple(other.upstream(n) for n, other in enumerate(others)),
    )
    return it.ask("GET", "/crm/contacts/7", client="admin")


def chosen(first: Given, others: list[Given], stated: list[Rule]) -> int | None:
    """Which of the others is asked by what is written (None: the first); read from the rules' words alone."""
    broken = [rule for rule in stated if not rule.allows(first.region, first.operator)]
    if not broken or not all(rule.route for rule in broken):
        return None
    for number, other in enumerate(others):
        ours = other.provider == "crm" and (not other.tenants or "acme" in other.tenants)
        if ours and all(rule.allows(other.region, other.operator) for rule in stated):
            return number
    return None


@given(
    upstreams,
    st.lists(upstreams, max_size=4),
    st.lists(rules, min_size=1, max_size=2),
    st.sampled_from(("", *PLACES)),
)
@example(Given("US", "AWS"), [Given("FR", "OVH")], [Rule(("FR",))], "FR")
@example(Given("US", "AWS"), [Given("FR", "OVH")], [Rule(("FR",))], "US")
@example(Given("US", "AWS"), [Given("FR", "OVH", ("somebody",))], [Rule(("FR",))], "FR")
@example(Given("US", "AWS"), [Given("FR", "OVH")], [Rule(("FR",)), Rule(("FR",), route=False)], "FR")
def test_it_goes_where_it_may_with_its_own_credential_or_nowhere(
    first: Given, others: list[Given], stated: list[Rule], at: str
) -> None:
    number = chosen(first, others, stated)
    to = first if number is None else others[number]
    there = (to.region, at or to.region)
    may = all(rule.allows(place, to.operator) for rule in stated for place in there)
    played = asked(first, others, stated, at)
    assert played.status == (200 if may else 451)
    assert played.nothing_sent is not may
    if may:
        host, key = ("api.crm.example", "first") if number is None else (f"other-{number}.example", number)
        head = played.sent[0].decode()
        assert f"Host: {host}\r\n" in head and f"secret-{key}" in head and head.count("secret-") == 1
        record = played.records[-1]
        assert record.upstream == ("crm-1" if number is None else f"other-{number}")
        assert record.note == ("" if number is None else "routed from crm-1")
    for command in played.script.commands:
        if isinstance(command, Acquire):  # whatever a resolver says: what a plane may connect to is judged
            for country, address in ADDRESSES.items():
                stands = (to.region, country or to.region)
                assert (command.permit(address) is not None) <= all(
                    rule.allows(place, to.operator) for rule in stated for place in stands
                )
