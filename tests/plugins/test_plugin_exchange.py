"""Plugins in real exchanges: what they hide is hidden, what they break is refused, nothing they do opens."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.codecs import kernel
from gateway.codecs.table import FORMATS, codec_for, install
from gateway.config import builtin_packs
from gateway.deployment import Extension
from gateway.errors import PayloadError, PluginError
from gateway.exchange.case import Case, Outcome
from gateway.exchange.casefile import load_case
from gateway.exchange.replay import run_case
from gateway.plugins.api import Codec, Detector, Masker, Plugin
from gateway.plugins.codecs import PluginCodec
from gateway.plugins.detectors import finding
from gateway.plugins.guard import Guard
from gateway.plugins.load import Plugins, load_plugins
from gateway.plugins.maskers import making
from gateway.policy.packfile import read_pack
from gateway.policy.rulefile import read_rules
from tests.world import PACK, RULES

EXAMPLE = builtin_packs() / "examples" / "staff.py"
PACKS = {"crm": read_pack(PACK, "crm/pack.yaml")}
CARDS = b"".join(
    line + b"\r\n"
    for line in (
        *(b"BEGIN:VCARD", b"VERSION:4.0", b"FN:Ana Martin", b"TEL;TYPE=work:+33612345678"),
        *(b"NOTE:met AC-12340,", b"  at a fair", b"END:VCARD"),
    )
)


def test_the_example_is_where_the_documents_say() -> None:
    assert EXAMPLE.is_file()


@pytest.fixture(autouse=True)
def nothing_stays() -> Iterator[None]:
    yield
    install({})


@pytest.fixture(params=["kernel", "python"])
def either(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the compiled kernel, where there is one, and without."""
    if request.param == "python":
        monkeypatch.setattr(kernel, "_kernel", None)


def guarded(*plugins: Plugin, slow: bool = False) -> Plugins:
    ticks = iter(range(10**6))
    failures: dict[str, int] = {}

    def guard(name: str) -> Guard:
        return Guard(name, 0.5, (lambda: float(next(ticks))) if slow else (lambda: 0.0), failures)

    return Plugins(
        {p.name: making(p, guard(p.name)) for p in plugins if isinstance(p, Masker)},
        tuple(finding(p, guard(p.name)) for p in plugins if isinstance(p, Detector)),
        {p.name: PluginCodec(p, guard(p.name)) for p in plugins if isinstance(p, Codec)},
        failures,
    )


@pytest.fixture
def example(tmp_path: Path) -> Plugins:
    """The example of the documents, where nobody else may write to it, whatever the checkout's mode."""
    tmp_path.chmod(0o755)
    file = tmp_path / EXAMPLE.name
    file.write_bytes(EXAMPLE.read_bytes())
    file.chmod(0o644)
    named: Sequence[tuple[Any, str]] = (
        ("masker", "staff_number"),
        ("detector", "staff_number"),
        ("codec", "text/vcard"),
    )
    wanted = [Extension(kind, name, str(file), 5.0, 1) for kind, name in named]
    return load_plugins(wanted, [str(tmp_path)], "hushgate.yaml", lambda: 0.0)


def case(answer: str, *, kind: str = "application/json") -> Case:
    text = f"""\
name: it
client: helpdesk
upstream: crm
request: {{method: GET, path: /contacts/1}}
response: {{status: 200, headers: {{Content-Type: {kind}}}, body: {answer!r}}}
expect: {{effect: allow}}
"""
    return load_case(text.encode(), "case.yaml")


def played(plugins: Plugins, answer: str, rules: str = RULES, *, kind: str = "application/json") -> Outcome:
    policy = read_rules(rules.encode(), "acme.yaml", maskers=plugins.maskers)
    install(plugins.codecs)
    return run_case(case(answer, kind=kind), policy, PACKS, plugins.custom)


ALL = (
    RULES.partition("views:")[0]
    + "views: {support: {show: [user]}, caller: {show: [user]}, admin: {show: [user]}}\n"
)
BADGE = "rules: [{id: staff, mask: user.name, with: badge}]\n"
ANSWER = '{"name":{"first":"Anastasia"}}'


def masker(function: Any, *, partial: bool = False) -> Masker:
    return Masker("badge", lambda context: function, partial)


@pytest.mark.usefixtures("either")
def test_a_masker_is_an_operator() -> None:
    out = played(guarded(masker(lambda text: f"name of {len(text)}")), ANSWER, ALL + BADGE)
    assert (out.effect, out.rules, out.masked) == ("allow", ("staff",), 1)
    assert out.body == b'{"name":{"first":"name of 9"}}'


@pytest.mark.usefixtures("either")
@pytest.mark.parametrize(
    "function", [lambda text: text[99], lambda text: 7, lambda text: exec("raise SystemExit")]
)
def test_a_masker_that_breaks_refuses_the_exchange(function: Any) -> None:
    plugins = guarded(masker(function))
    out = played(plugins, ANSWER, ALL + BADGE)
    assert (out.effect, out.status, out.reason) == ("refuse", 500, "plugin_failed")
    assert b"Anastasia" not in out.body
    assert plugins.failures == {"badge": 1}


@pytest.mark.usefixtures("either")
def test_a_masker_that_overruns_refuses_the_exchange() -> None:
    out = played(guarded(masker(lambda text: "masked"), slow=True), ANSWER, ALL + BADGE)
    assert (out.status, out.reason) == (500, "plugin_failed")


@pytest.mark.usefixtures("either")
def test_a_masker_that_shows_the_value_hides_it() -> None:
    out = played(guarded(masker(lambda text: text)), ANSWER, ALL + BADGE)
    assert out.body == b'{"name":{"first":"[redacted]"}}'


@pytest.mark.parametrize("with_", ["hash", "remove", "redact", "year", "{partial: {keep_last: 2}}"])
def test_a_masker_opens_nothing_that_another_rule_hides(with_: str) -> None:
    other = f"rules:\n  - {{id: other, mask: user.name, with: {with_}}}\n"
    both = other + "  - {id: staff, mask: user.name, with: badge}\n"
    open_one = guarded(masker(lambda text: text[:4], partial=True))
    assert b"Anas" in played(open_one, ANSWER, ALL + BADGE).body
    assert b"Anas" not in played(open_one, ANSWER, ALL + both).body


UNMAPPED = '{"name":{"first":"A"},"seen":"AC-12340","ref":"AC-12349","id":77}'


@pytest.mark.usefixtures("either")
def test_a_detector_finds_in_what_no_map_names(example: Plugins) -> None:
    out = played(example, UNMAPPED, ALL + "unmapped: detect\n")
    assert b'"[redacted]","ref":"AC-12349","id":77' in out.body
    out = played(guarded(), UNMAPPED, ALL + "unmapped: detect\n")
    assert b"AC-12340" in out.body


@pytest.mark.usefixtures("either")
@pytest.mark.parametrize("find", [lambda text: [(0, 10**6)], lambda text: [text.index("nowhere")]])
def test_a_detector_that_breaks_refuses_the_exchange(find: Any) -> None:
    out = played(guarded(Detector("badge", find)), UNMAPPED, ALL + "unmapped: detect\n")
    assert (out.status, out.reason) == (500, "plugin_failed")
    assert b"AC-12340" not in out.body


CARD_PACK = (
    PACK.decode()
    .replace(
        "operations:\n",
        "operations:\n  - {id: cards, call: GET /cards, response: {json: {'[].FN[].value': user.name, "
        "'[].TEL[].value': user.contact.phone_number}}}\n",
        1,
    )
    .encode()
)


def cards(plugins: Plugins, body: bytes = CARDS, rules: str = RULES) -> Outcome:
    policy = read_rules(rules.encode(), "acme.yaml", maskers=plugins.maskers)
    install(plugins.codecs)
    text = (
        "name: it\nclient: helpdesk\nupstream: crm\nrequest: {method: GET, path: /cards}\n"
        "response: {status: 200, headers: {Content-Type: text/vcard}}\nexpect: {effect: allow}\n"
    )
    it = load_case(text.encode(), "case.yaml")
    response = it.response
    assert response is not None
    it = msgspec.structs.replace(it, response=msgspec.structs.replace(response, body=body))
    return run_case(it, policy, {"crm": read_pack(CARD_PACK, "crm/pack.yaml")}, plugins.custom)


def test_a_codec_opens_its_type_and_the_masking_is_ours(example: Plugins) -> None:
    assert cards(guarded()).reason == "unparseable_response"
    out = cards(example)
    assert out.effect == "allow"
    assert b"FN:Ana Martin\r\n" in out.body
    assert b"+33612345678" not in out.body
    assert b"AC-12340" not in out.body


def test_a_codec_is_refused_what_it_cannot_read(example: Plugins) -> None:
    out = cards(example, b"BEGIN:VCARD\r\nFN:Ana\r\n")
    assert (out.status, out.reason) == (502, "unparseable_response")


def test_a_value_with_a_line_end_does_not_become_a_line(example: Plugins) -> None:
    """What is written is read again: an injected line would be one more property."""
    codec = example.codecs["text/vcard"]
    with pytest.raises(PluginError):
        codec.dump([{"FN": [{"value": "Ana\r\nTEL:+33612345678"}]}])


def test_no_plugin_takes_the_place_of_a_built_in_codec() -> None:
    before = {kind: codec_for(kind.encode()) for kind in FORMATS if kind[0] != "+" and FORMATS[kind].codec}
    evil = guarded(*(Codec(kind, bytes.decode, str.encode) for kind in FORMATS))
    install(evil.codecs)
    assert {kind: codec_for(kind.encode()) for kind in before} == before
    with pytest.raises(PayloadError):
        codec_for(b"text/vcard")
