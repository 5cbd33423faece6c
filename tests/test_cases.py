"""The rule cases that are shipped hold, and each shipped tenant has enough of them."""

from pathlib import Path

import pytest

from gateway.cli.main import main
from gateway.cli.test import load_cases
from gateway.exchange.case import Case
from gateway.policy.rulefile import read_rules
from tests.plays import TALKS

ROOT = Path(__file__).resolve().parent.parent
RULES = ROOT / "rules"
PLUGINS = str(ROOT / "plugins")
LEAST = {"demo": 25, "qomon": 6, "qomon-us": 3, "kavkom": 6, "qcontact": 5, "qomoor": 3, "qontak": 6}


@pytest.fixture(scope="module")
def cases() -> list[tuple[str, Case]]:
    return load_cases(RULES)


def test_every_case_with_a_websocket_holds(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test", str(TALKS / "rules"), "--plugins", str(TALKS / "packs")]) == 0, capsys.readouterr()


def test_every_case_holds_and_the_verb_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    ended = main(["test", str(RULES), "--plugins", PLUGINS])
    said = capsys.readouterr()
    assert (ended, "0 failed" in said.out) == (0, True), said


@pytest.mark.parametrize("tenant", [file.stem for file in sorted(RULES.glob("*.yaml"))])
def test_every_tenant_has_cases_for_every_view_and_rule(tenant: str, cases: list[tuple[str, Case]]) -> None:
    own = [case for name, case in cases if name == tenant]
    assert len(own) >= LEAST[tenant]
    policy = read_rules((RULES / f"{tenant}.yaml").read_bytes(), f"{tenant}.yaml")
    roles = {client.id: client.role for client in policy.clients}
    assert {roles[case.client] for case in own if case.expect.effect == "allow"} == set(policy.views)
    named = {rule for case in own for rule in case.expect.rules or ()}
    assert {rule.id for rule in policy.rules} <= named, "a rule that no case shows at work"


BAD_INPUT = {
    "a gzip bomb": ("bad-answer-gzip-bomb", "bad-request-gzip-bomb"),
    "XML entities": ("bad-answer-xml-entities",),
    "a multipart body of a million parts": ("bad-answer-a-million-parts",),
    "encodings that are cut off": ("bad-answer-cut-off-encoding",),
    "encodings that lie": ("bad-answer-lying-encoding",),
    "byte order marks": ("bad-answer-mark", "bad-answer-two-marks"),
    "UTF-16 labelled as UTF-8": ("bad-answer-utf-16-as-utf-8",),
    "NaN and Infinity": ("bad-answer-nan", "bad-answer-infinity", "bad-request-nan"),
    "repeated keys": ("bad-answer-repeated-keys",),
    "CSV with unbalanced quotes": ("bad-answer-csv-quotes", "bad-answer-csv-quote-inside"),
    "boundary tricks": ("bad-answer-boundary", "bad-answer-epilogue"),
    "tokens of another epoch": ("token-of-an-unknown-epoch",),
    "numbers that cannot be parsed": ("recipient-not-a-number",),
    "extensions": ("recipient-extension",),
    "short codes": ("recipient-short-code",),
    "names in place of numbers": ("recipient-word", "nobody-to-recognise"),
    "alphanumeric senders": ("sender-word-after-a-stop", "sender-word"),
    "several recipients in one field": (
        "recipient-several-numbers",
        "recipient-several-in-quotes",
        "recipient-several-addresses",
    ),
    "group ids": ("recipient-group-id",),
    "record ids": ("record-unknown", "record-suppressed", "record-known"),
}
"""What hostile, broken or ambiguous input there is a case of -> the files."""
GOOD = ("bad-answer-repeated-keys", "sender-word", "record-known", "recipient-several-addresses")
"""Those of them that are let through."""


@pytest.mark.parametrize(("names"), BAD_INPUT.values(), ids=BAD_INPUT)
def test_bad_input_has_its_cases(names: tuple[str, ...], cases: list[tuple[str, Case]]) -> None:
    known = {Path(case.file).stem: case for tenant, case in cases if tenant == "demo"}
    for name in names:
        expected = known[name].expect
        assert expected.effect == ("allow" if name in GOOD else "refuse")


def test_case_names_are_unique(cases: list[tuple[str, Case]]) -> None:
    names = [(tenant, case.name) for tenant, case in cases]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("tenant", ["qomon", "qomon-us", "kavkom", "qcontact", "qomoor", "qontak"])
def test_commitments_are_cited_where_they_are_kept(tenant: str, cases: list[tuple[str, Case]]) -> None:
    cited = {case.name.split(":")[0] for name, case in cases if name == tenant}
    text = (RULES / f"{tenant}.yaml").read_text()
    assert all(f"# {commitment}: " in text for commitment in cited), cited


RESIDENCY = {
    "QM-3": ("qomon", "qomon-us"),
    "QM-15": ("qomon",),
    "QC-3": ("qcontact",),
    "QC-4": ("qcontact",),
    "QR-1": ("qomoor",),
    "QR-2": ("qomoor",),
    "QR-3": ("qomoor",),
    "QR-6": ("qomoor",),
    "KV-3": ("kavkom",),
    "KV-4": ("kavkom",),
    "KV-6": ("kavkom",),
}
"""What was promised of where data goes -> the example tenants that keep it."""


@pytest.mark.parametrize(("commitment", "tenant"), [(c, t) for c, all_ in RESIDENCY.items() for t in all_])
def test_what_was_promised_of_places_and_recipients_is_kept(
    commitment: str, tenant: str, cases: list[tuple[str, Case]]
) -> None:
    """Each has a rule that cites it, a case that goes through, and one in which something is kept back."""
    text = (RULES / f"{tenant}.yaml").read_text()
    own = [case for name, case in cases if name == tenant and case.name.startswith(f"{commitment}: ")]
    passed = [case for case in own if case.expect.effect == "allow"]
    kept_back = [
        case
        for case in own
        if case.expect.effect == "refuse" or (case.expect.upstream_request and case.expect.rules)
    ]
    assert f"# {commitment}: " in text and passed and kept_back
