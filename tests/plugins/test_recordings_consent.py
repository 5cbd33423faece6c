"""Call recordings tied to a consent of the tenant, by operation and by media type, with Twilio's own pack."""

from pathlib import Path

import pytest

from gateway.exchange.case import Outcome
from gateway.exchange.casefile import load_case
from gateway.exchange.replay import run_case
from gateway.policy.rulefile import read_rules
from tests.world import pack_of

ROOT = Path(__file__).parents[2]
TWILIO = (ROOT / "plugins/twilio/pack.yaml").read_bytes()
RULES = """\
tenant: acme
instruction: {by: dpo@acme.example, ref: a test, date: 2026-01-01}
clients: [{id: quality, role: all, purposes: [essential.service], key: "sha256:%s"}]
views: {all: {show: [user]}}
rules:
  - id: heard-with-consent
    mask: user.content.private
    operations: ["*.recordings.media.*"]
    unless: {tenant_consent: call_recording}
  - id: made-with-consent
    access: {operations: "*.calls.recordings.create"}
    unless: {tenant_consent: call_recording}
""" % ("a" * 64)
GIVEN = "consents: [call_recording]\n"
MEDIA = "GET, path: /2010-04-01/Accounts/AC1/Recordings/RE1.mp3"
MADE = "POST, path: /2010-04-01/Accounts/AC1/Calls/CA1/Recordings.json"


def asked(request: str, answer: str, rules: str, pack: bytes = TWILIO) -> Outcome:
    case = f"""\
name: one
client: quality
upstream: twilio
address: 127.0.0.1
request: {{method: {request}}}
response: {{status: 200, {answer}}}
expect: {{effect: allow}}
"""
    packs = {"twilio": pack_of(pack, "twilio/pack.yaml")}
    return run_case(load_case(case.encode(), "one.yaml"), read_rules(rules.encode(), "acme.yaml"), packs)


AUDIO = 'headers: {Content-Type: audio/mpeg}, body: "ID3"'


@pytest.mark.parametrize(
    ("request_", "answer", "rule"),
    [(MEDIA, AUDIO, "heard-with-consent"), (MADE, "json: {sid: RE1}", "made-with-consent")],
)
def test_a_rule_asks_for_it_by_operation(request_: str, answer: str, rule: str) -> None:
    without, given = asked(request_, answer, RULES), asked(request_, answer, RULES + GIVEN)
    assert (without.status, without.rules) == (403, (rule,))
    assert (given.status, given.effect) == (200, "allow")


def test_a_consent_to_something_else_is_none() -> None:
    assert asked(MEDIA, AUDIO, RULES + "consents: [call_transcription]\n").status == 403


@pytest.mark.parametrize(("kind", "status"), [("audio/mpeg", 403), ("audio/wav", 200), ("image/png", 502)])
def test_a_pack_asks_for_it_by_media_type(kind: str, status: int) -> None:
    lines = b"""[
        {types: [audio/mpeg], is: user.content.private, consent: call_recording},
        {types: ["audio/*"], is: user.content.private}]"""
    line = b'{types: ["audio/*"], is: user.content.private}'
    assert line in TWILIO
    free = RULES.partition("rules:")[0]
    answer = f'headers: {{Content-Type: {kind}}}, body: "ID3"'
    assert asked(MEDIA, answer, free, TWILIO.replace(line, lines)).status == status
    if status == 403:
        assert asked(MEDIA, answer, free + GIVEN, TWILIO.replace(line, lines)).status == 200
