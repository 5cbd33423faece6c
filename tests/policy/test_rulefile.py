from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import ConfigError
from gateway.masking.table import OPERATORS
from gateway.model import Contact, Host, Mask, Operation, Pack, Policy, Residency, Rule, Scope
from gateway.policy.catalogue import Catalogue
from gateway.policy.operators import WORDS
from gateway.policy.rulefile import maskers_of, mentions, read_rules, strangers
from gateway.policy.taxonomy import CATEGORIES, USES

VECTORS = Path(__file__).parents[1] / "vectors/rules"
EXAMPLE = (VECTORS / "qomon-fr.yaml").read_text()
LINES = EXAMPLE.split("\n")


def policy(text: str, **more: Any) -> Policy:
    return read_rules(text.encode(), "rules/qomon-fr.yaml", **more)


def told(text: str, **more: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        policy(text, **more)
    return [str(p).removeprefix("rules/qomon-fr.yaml:") for p in caught.value.problems]


def changed(old: str, new: str) -> str:
    assert EXAMPLE.count(old) == 1, old
    return EXAMPLE.replace(old, new)


def rule(text: str) -> Rule:
    """The only rule of a file that has just this one."""
    head = EXAMPLE[: EXAMPLE.index("rules:")]
    [one] = policy(f"{head}rules:\n  - {{id: it, {text}}}\n").rules
    return one


def wrong(text: str) -> str:
    head = EXAMPLE[: EXAMPLE.index("rules:")]
    [one] = told(f"{head}rules:\n  - {{id: it, {text}}}\n")
    return one


def rows(file: str) -> list[tuple[str, ...]]:
    """The lines of a table of mistakes, each ending in the problem it has to give."""
    return [tuple(line.split("\t")) for line in (VECTORS / file).read_text().splitlines()]


def test_the_example_of_the_design_reads_as_recorded() -> None:
    read = msgspec.json.format(msgspec.json.encode(policy(EXAMPLE)), indent=1) + b"\n"
    assert read == (VECTORS / "qomon-fr.json").read_bytes()


def test_a_policy_survives_packing() -> None:
    it = policy(EXAMPLE)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(it), type=Policy) == it


def test_a_rule_reads_as_it_is_written() -> None:
    assert rule("mask: user.name").operator == Mask(op="redact")
    assert rule("mask: [user.name, user.contact], with: {truncate: {keep: 3}}") == Rule(
        id="it",
        line=14,
        mask=("user.name", "user.contact"),
        operator=Mask(op="truncate", keep=3),
    )
    to = rule("mask: user.name, to: {providers: [a], regions: US}, roles: support")
    assert to.scope == Scope(roles=("support",), providers=("a",), regions=("US",), direction="request")
    both = rule(
        "residency: {regions: [FR], operators: OVH}, regions: [US], from: 2026-01-01, until: 2027-01-01"
    )
    assert both.residency == Residency(regions=("FR",), operators=("OVH",))
    assert (both.scope, both.since, both.until) == (Scope(regions=("US",)), "2026-01-01", "2027-01-01")
    lifted = rule("access: {}, unless: {tenant_consent: [a, b]}, mode: shadow, direction: request")
    assert (lifted.consents, lifted.mode, lifted.access) == (("a", "b"), "shadow", True)


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ("mon-sat", ("mon", "tue", "wed", "thu", "fri", "sat")),
        ("sat-mon", ("mon", "sat", "sun")),
        ("[mon, wed-thu]", ("mon", "wed", "thu")),
        ("sun", ("sun",)),
    ],
)
def test_days_are_words_or_spans(days: str, expected: tuple[str, ...]) -> None:
    assert rule(f"contact: {{days: {days}}}").contact == Contact(days=expected)  # type: ignore[arg-type]


def test_country_no_is_norway() -> None:
    assert policy(changed("country: FR", "country: NO")).country == "NO"


@pytest.mark.parametrize(("text", "message"), rows("mistakes-in-a-rule.tsv"))
def test_every_mistake_in_a_rule_has_its_place(text: str, message: str) -> None:
    assert wrong(text) == message


@pytest.mark.parametrize(("old", "new", "message"), rows("mistakes-in-the-file.tsv"))
def test_every_mistake_in_the_file_has_its_place(old: str, new: str, message: str) -> None:
    assert told(changed(old, new)) == [message]


def test_clients_that_cannot_be_told_apart() -> None:
    twice = changed("mtls: {san: dialer.qomon.example}", LINES[4].split("helpdesk,  ")[1].split(", role")[0])
    [message] = told(twice)
    assert message.startswith("6:5: found the same key, certificate and networks as in line 5, expected")


def test_many_mistakes_come_in_one_go_and_in_order() -> None:
    text = EXAMPLE.replace("country: FR", "country: fr").replace("role: caller", "role: nobody")
    text = text.replace("truncate_ip", "truncate").replace("unmapped: detect", "unmaped: detect")
    assert [line.split(":")[0] for line in told(text)] == ["3", "6", "15", "21"]


PACKS = [
    Pack(
        provider=name,
        title=name,
        hosts=(Host(name="api.example.com", region="US", operator="X"),),
        operations=(Operation(id="contacts.delete_batch", method="POST", path="/"),),
    )
    for name in ("google-analytics", "google-speech")
]


RECIPIENT = """tenant: qomon-fr
instruction: {by: a, ref: b, date: 2026-01-01}
clients: [{id: a, mtls: {san: a.example}, role: r, purposes: [marketing]}]
views: {r: {show: [user]}}
rules:
  - {id: carrier, only: [user.name], recipients: [SOMEBODY]}
  - {id: home, residency: {data: user, regions: [FR], operators: [Postal]}}
"""


@pytest.mark.parametrize("known", ["google-speech", "Google-Speech", "ovh", "Scaleway", "postal"])
def test_a_recipient_is_a_provider_an_operator_or_named_in_the_file(known: str) -> None:
    catalogue = Catalogue.of(PACKS)
    made = policy(RECIPIENT.replace("SOMEBODY", known), catalogue=catalogue)
    assert strangers(made) == (() if known == "postal" else (known.casefold(),))
    assert catalogue.recipients.issuperset(strangers(made))


def test_a_recipient_nobody_knows_is_refused() -> None:
    catalogue = Catalogue.of(PACKS)
    text = RECIPIENT.replace("SOMEBODY", "scalewaay")
    (found,) = told(text, catalogue=catalogue)
    assert found.startswith("6:51: found unknown recipient 'scalewaay', expected a provider,"), found
    assert "scaleway" in found.partition("expected")[2]
    assert strangers(policy(text)) == ("scalewaay",)


def test_names_are_checked_against_packs_when_there_are_some() -> None:
    catalogue = Catalogue.of(PACKS)
    assert policy(EXAMPLE, catalogue=catalogue) == policy(EXAMPLE)
    text = EXAMPLE.replace("google-speech", "google-speach").replace("*.delete_batch", "*.delete_batches")
    assert told(text, catalogue=catalogue) == [
        "19:48: found '*.delete_batches', which matches no operation, expected provider.operation",
        (
            "20:40: found unknown provider 'google-speach', expected a provider with a pack: "
            "one of google-analytics, google-speech; did you mean 'google-speech'?"
        ),
    ]


def test_mentions_are_what_the_rules_name() -> None:
    assert mentions(policy(EXAMPLE)) == (("google-analytics", "google-speech"), ("*.delete_batch",))


def test_every_operator_that_exists_can_be_written() -> None:
    assert set(WORDS) == set(OPERATORS)


names = st.from_regex(r"[a-z][a-z0-9_-]{0,8}", fullmatch=True)
categories = st.sampled_from(sorted(CATEGORIES))
operators = st.sampled_from(
    ["redact", "remove", "hash", "year", "truncate_ip", "age_band", "initials"]
) | st.builds(lambda n: {"partial": {"keep_last": n}}, st.integers(1, 64))


def some(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(values, min_size=1, max_size=3, unique=True)


channels = st.fixed_dictionaries({}, optional={"channels": some(st.sampled_from(["call", "sms"]))})
regions = st.fixed_dictionaries({"regions": some(st.sampled_from(["EU", "NO", "FR"]))})
kinds = st.one_of(
    st.fixed_dictionaries({"mask": some(categories)}, optional={"with": operators}),
    st.fixed_dictionaries({"contact": channels}),
    st.fixed_dictionaries({"residency": regions}),
    st.builds(lambda: {"access": dict[str, str]()}),
)
narrowings = st.fixed_dictionaries(
    {}, optional={"purposes": some(st.sampled_from(sorted(USES))), "data": some(categories)}
)


@st.composite
def files(draw: st.DrawFn) -> str:
    roles = draw(some(names))
    rules = [
        {"id": f"r{number}", **draw(kinds), **draw(narrowings), "roles": draw(some(st.sampled_from(roles)))}
        for number in range(draw(st.integers(0, 4)))
    ]
    made = {
        "tenant": "qomon-fr",
        "instruction": {"by": "a", "ref": "b", "date": "2026-01-01"},
        "clients": [{"id": "a", "role": roles[0], "purposes": ["marketing"], "network": "10.0.0.0/8"}],
        "views": {role: {"show": draw(st.lists(categories, max_size=2, unique=True))} for role in roles},
        "rules": rules,
    }
    return str(yaml.safe_dump(made, default_flow_style=draw(st.booleans()), sort_keys=False))


@settings(max_examples=40)
@given(files())
def test_valid_files_are_read_and_survive_packing(text: str) -> None:
    it = policy(text)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(it), type=Policy) == it


@given(st.integers(0, len(EXAMPLE)), st.integers(0, 30), st.text("ab: {}[]-,'\"\n", max_size=6))
def test_a_damaged_file_gives_a_policy_or_problems(start: int, length: int, put: str) -> None:
    try:
        policy(EXAMPLE[:start] + put + EXAMPLE[start + length :])
    except ConfigError as error:
        assert error.problems


@given(st.binary(max_size=300))
def test_any_bytes_give_a_policy_or_problems(data: bytes) -> None:
    with pytest.raises(ConfigError):
        read_rules(data, "rules/x.yaml")


PLUGIN_RULES = EXAMPLE.replace("with: truncate_ip", "with: badge")


def test_a_plugins_masker_is_an_operator_where_it_is_known() -> None:
    assert "with: badge" in PLUGIN_RULES
    made = policy(PLUGIN_RULES, maskers=["badge"])
    assert [rule.operator for rule in made.rules if rule.id == "ip-anonymous"] == [Mask(op="plugin:badge")]
    assert maskers_of(made) == ("badge",)


@pytest.mark.parametrize("maskers", [(), ("badges",)])
def test_an_unknown_masker_is_a_mistake_with_a_place(maskers: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError) as caught:
        policy(PLUGIN_RULES, maskers=maskers)
    [problem] = caught.value.problems
    assert problem.found == "'badge'"
    assert problem.line == 1 + PLUGIN_RULES[: PLUGIN_RULES.index("with: badge")].count("\n")
    assert problem.nearest == (maskers[0] if maskers else None)


@pytest.mark.parametrize("word", ["partial", "truncate", "Badge!", "plugin:badge"])
def test_no_plugin_takes_a_word_of_the_language(word: str) -> None:
    text = EXAMPLE.replace("with: truncate_ip", f"with: {word}")
    with pytest.raises(ConfigError):
        read_rules(text.encode(), "rules/qomon-fr.yaml", maskers=[word])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("hide_with: redact", "hide_with: badge"),
        ("user.organization],", "user.organization], mask: {user.job_title: badge},"),
    ],
)
def test_maskers_of_views_are_known(old: str, new: str) -> None:
    text = EXAMPLE.replace(old, new, 1)
    assert "found 'badge', expected one of redact" in told(text)[0]
    assert maskers_of(policy(text, maskers=["badge"])) == ("badge",)
