"""Webhooks of packs: what they mean is data, read as strictly as all of a pack."""

import pytest

from gateway.errors import ConfigError
from gateway.hooks import Effect, Silence
from gateway.model import Pack
from gateway.policy.packfile import read_pack

HEAD = """\
provider: acme
title: Acme
hosts: [{name: api.acme.example, region: FR, operator: OVH}]
operations:
  - {id: send, call: POST /send, channel: sms, learns: [{means: opt_out, when: {code: [1, "2"]}}]}
webhooks:
"""
HOOK = """\
  - id: told
    channel: sms
    each: "events[]"
    when: {kind: "*"}
    event: [id, kind]
    at: time
    effects:
      - {who: person.phone, means: word, text: text}
      - {who: record, kind: record, means: bounced, channel: email, when: {kind: [bounce, "5"]}}
    body: {json: {"events[].person.phone": {is: user.contact.phone_number, subject: phone}}}
    answer: {xml: {"**/Message/@to": {is: user.contact.phone_number, subject: phone, role: recipient}}}
    reply: From
    silence: {type: text/xml, body: "<Response/>"}
"""

WHEN = (("kind", ("bounce", "5")),)
WHEN = (("kind", ("bounce", "5")),)


def pack(text: str) -> Pack:
    return read_pack((HEAD + text).encode(), "plugins/acme/pack.yaml")


def told(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        pack(text)
    return "\n".join(str(problem) for problem in caught.value.problems)


def test_a_webhook_is_an_operation_whose_answer_is_what_came() -> None:
    it = pack(HOOK)
    [hook] = it.webhooks
    assert (hook.id, hook.method, hook.channel, hook.act) == ("told", "POST", "sms", True)
    assert [field.path for field in hook.response.json] == ["events[].person.phone"]
    assert [field.role for field in hook.request.xml] == ["recipient"]
    assert hook.hook is not None
    assert (hook.hook.each, hook.hook.event, hook.hook.at) == ("events[]", ("id", "kind"), "time")
    assert hook.hook.when == (("kind", ()),)
    assert hook.hook.effects == (
        Effect(means="word", who="person.phone", text="text"),
        Effect(means="bounced", who="record", kind="record", space="acme/", channel="email", when=WHEN),
    )
    assert (hook.hook.reply, hook.hook.silence) == ("From", Silence(type="text/xml", body="<Response/>"))
    assert it.operations[0].learns == (Effect(means="opt_out", when=(("code", ("1", "2")),)),)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("id: told", "id: send", "operation id 'send' again"),
        ("means: word, text: text", "means: word", "without 'text'"),
        ("means: bounced", "means: bounced, text: x", "a text beside another"),
        ("means: bounced", "means: bounce", "did you mean 'bounced'"),
        ("    channel: sms\n", "", "an answer without channel"),
        ("event: [id", "evnt: [id", "did you mean 'event'"),
        (
            "user.contact.phone_number, subject: phone}}}\n    answer",
            "user.phone}}}\n    answer",
            "user.phone",
        ),
    ],
)
def test_a_mistake_is_told(old: str, new: str, problem: str) -> None:
    assert old in HOOK
    assert problem in told(HOOK.replace(old, new, 1))


def test_only_a_call_that_reaches_people_learns_of_them() -> None:
    with pytest.raises(ConfigError, match="reaches nobody"):
        read_pack((HEAD.replace("channel: sms, ", "") + HOOK).encode(), "plugins/acme/pack.yaml")
