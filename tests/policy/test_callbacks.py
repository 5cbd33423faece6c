from datetime import date
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.codecs.program import Limits, Tally
from gateway.codecs.table import reader_for
from gateway.config import builtin_packs
from gateway.model import Host, Operation, Pack, Residency, Upstream
from gateway.policy.callbacks import MAX_FOUND, Callbacks, StrayError
from gateway.policy.compile import Ground, compile_plan, situation
from gateway.policy.operations import OperationIndex
from gateway.policy.packs import load_packs
from gateway.policy.reach import Reach
from gateway.policy.rulefile import read_rules
from gateway.recipients import Destination
from gateway.residency.judge import Gate, ResidencyCheck
from gateway.residency.locate import AddressTable

UPSTREAM = Upstream(name="crm", provider="crm", url="https://api.crm.example/v1", region="FR", operator="OVH")
PACK = Pack(
    provider="crm",
    title="CRM",
    hosts=(Host(name="us.crm.example", region="US", operator="OVH"),),
    operations=(Operation(id="x", method="GET", path="/x"),),
)
OWN = (
    Destination(host="hooks.example", region="DE", operator="OVH"),
    Destination(host="*.apps.example", region="US", operator="AWS"),
    Destination(host="xn--bcher-kva.example", region="FR", operator="OVH"),
)
TABLE = AddressTable(
    [("51.0.0.0/8", "FR", "OVH"), ("2001:41d0::/32", "FR", "OVH"), ("52.0.0.0/8", "US", "AWS")]
)


def callbacks(links: bool = False, *rules: ResidencyCheck) -> Callbacks:
    own = ResidencyCheck("eea", "enforce", Residency(regions=("EEA",), links=links))
    gate = Gate(rules or (own,), TABLE, UPSTREAM, date(2026, 6, 1))
    reach = Reach({"crm": PACK}, (UPSTREAM,), {"crm": OperationIndex(PACK.operations, slash=False)})
    return Callbacks(gate, reach, "acme", UPSTREAM, OWN)


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example/a?b=c",
        "https://hooks.example:8443/a",
        "https://HOOKS.example./a",
        "wss://hooks.example/stream",
        "https://xn--bcher-kva.example/",
        "https://api.crm.example/v1/x",
        "https://51.1.2.3/",
        "https://[2001:41d0::1]/",
        "https://[::ffff:51.1.2.3]/",
        "/next",
        "",
    ],
)
def test_where_data_may_go(url: str) -> None:
    judge = callbacks().field("Url", None)
    assert judge is not None
    assert judge(url) is url


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://a.apps.example/", "region_not_allowed"),
        ("https://us.crm.example/", "region_not_allowed"),
        ("https://52.1.2.3/", "region_not_allowed"),
        ("https://[::ffff:52.1.2.3]/", "region_not_allowed"),
        ("https://evil.example/", "location_unknown"),
        ("https://hooks.example.evil.example/", "location_unknown"),
        ("https://hooks.example@evil.example/", "location_unknown"),
        ("https://evil.example\\@hooks.example/", "location_unknown"),
        ("https://evil.example#@hooks.example/", "location_unknown"),
        ("https://hooks.example../", "location_unknown"),
        ("//evil.example/", "location_unknown"),
        ("evil.example/path", "location_unknown"),
        ("ftp://hooks.example/", "location_unknown"),
        ("javascript:alert(1)", "location_unknown"),
        ("https://bücher.example/", "location_unknown"),
        ("https://hoоks.example/", "location_unknown"),
        ("https://xn--hoks-pqc.example/", "location_unknown"),
        ("https://8.8.8.8/", "location_unknown"),
        ("https://51.1.2.3./", ""),
        ("https://855704067/", "location_unknown"),
        ("https://0x33010203/", "location_unknown"),
        ("https://063.01.02.03/", "location_unknown"),
        ("https://51.66051/", "location_unknown"),
        ("https://127.0.0.1/", "location_unknown"),
        ("https://169.254.169.254/latest/", "location_unknown"),
        ("https://localhost/", "location_unknown"),
        ("https://[2001:41D0:0::1]/", "location_unknown"),
        (" https://hooks.example/", "location_unknown"),
    ],
)
def test_where_it_may_not(url: str, reason: str) -> None:
    judge = callbacks().field("Url", None)
    assert judge is not None
    if not reason:
        assert judge(url) is url
        return
    with pytest.raises(StrayError) as refused:
        judge(url)
    assert (refused.value.reason, refused.value.rules, refused.value.place) == (reason, ("eea",), "Url")
    assert not url or url not in str(refused.value)


def test_without_a_rule_nobody_asks() -> None:
    gate = Gate((), TABLE, UPSTREAM, date(2026, 6, 1))
    free = Callbacks(gate, Reach({}, (), {}), "acme", UPSTREAM, ())
    assert free.field("Url", None) is None
    assert free.text("Body", None) is None


def test_a_shadow_rule_refuses_nothing() -> None:
    shadow = ResidencyCheck("s", "shadow", Residency(regions=("EEA",)))
    judge = callbacks(False, shadow).field("Url", None)
    assert judge is not None
    assert judge("https://evil.example/") == "https://evil.example/"


def test_texts_are_searched_where_a_rule_asks() -> None:
    assert callbacks().text("Body", None) is None
    search = callbacks(links=True).text("Body", str.upper)
    assert search is not None
    assert search("see https://hooks.example/a, or (https://hooks.example).") == (
        "SEE HTTPS://HOOKS.EXAMPLE/A, OR (HTTPS://HOOKS.EXAMPLE)."
    )
    for text in (
        "see http://evil.example now",
        "HTTPS:\\\\evil.example",
        "https://hooks.example " * (MAX_FOUND + 1),
        "ok https://hooks.example and wss://evil.example",
    ):
        with pytest.raises(StrayError):
            search(text)


@given(st.text(max_size=60))
def test_any_text_is_judged(text: str) -> None:
    made = callbacks()
    judged = made.judged(text)
    if judged is None:
        assert text == "" or text[:1] not in "\\", text


@given(st.text(st.characters(exclude_characters="\\/"), max_size=30))
def test_nothing_but_what_is_declared_is_let_through(host: str) -> None:
    judged = callbacks().judged(f"https://{host}/")
    if judged is not None and not judged.reason:
        plain = host.lower().rstrip(".").split(":")[0]
        assert plain in ("hooks.example", "xn--bcher-kva.example", "api.crm.example") or plain[:3] == "51."


def test_an_upstreams_host_is_judged_by_its_path_each_time() -> None:
    made = callbacks()
    for path, reason in (("/v1/x", ""), ("/v2/x", "location_unknown"), ("/v1/y", "")):
        judged = made.judged(f"https://api.crm.example{path}")
        assert judged is not None
        assert judged.reason == reason


RULES = """
tenant: acme
instruction: {by: dpo@acme.example, ref: test, date: 2026-01-01}
clients: [{id: app, role: r, purposes: [essential.service], network: 10.0.0.0/8}]
views: {r: {}}
rules: [{id: eea, residency: {regions: [EEA], links: true}}]
"""


@pytest.mark.parametrize(
    ("form", "place"),
    [
        ({"Body": "see https://evil.example"}, "Body"),
        ({"Nobody": "see https://evil.example"}, "body"),
        ({"MediaUrl": "https://evil.example"}, "MediaUrl"),
    ],
)
def test_a_rule_finds_urls_wherever_they_stand(form: dict[str, str], place: str) -> None:
    policy = read_rules(RULES.encode(), "acme.yaml")
    (pack,) = (pack for pack in load_packs([builtin_packs()]).packs if pack.provider == "twilio")
    operation = next(each for each in pack.operations if each.id == "messages.create")
    upstream = Upstream(name="t", provider="twilio", url="https://t.example", region="IE", operator="T")
    it = situation(policy.clients[0], None, "twilio", operation, upstream, 1_780_000_000.0)
    program = compile_plan(Ground(policy, bytes(32), TABLE), it, 1_780_000_000.0).request.bodies["form"]
    codec = reader_for(b"application/x-www-form-urlencoded")[1]
    document = codec.parse(urlencode({"To": "+33639980001", **form}).encode(), Limits())
    with pytest.raises(StrayError) as refused:
        codec.rewrite(document, program, Tally.of(program), frozenset())
    assert refused.value.place == place
