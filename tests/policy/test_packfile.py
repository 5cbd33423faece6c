import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.codecs.paths import compile_program
from gateway.codecs.program import Slot
from gateway.errors import ConfigError
from gateway.model import Field, Pack
from gateway.policy.calls import parse_call
from gateway.policy.packfile import read_pack
from gateway.policy.packs import load_packs
from gateway.policy.packtypes import MAX_FIELDS

ROOT = Path(__file__).parents[2]
DOCUMENTED = re.search(r"```yaml\n(.*?)```", (ROOT / "docs/packs.md").read_text(), re.DOTALL)
EXAMPLE = DOCUMENTED[1] if DOCUMENTED else ""

HEAD = """\
provider: acme
title: Acme
hosts: [{name: api.acme.example, region: FR, operator: OVH}]
"""


def pack(text: str, folder: str = "acme") -> Pack:
    return read_pack(text.encode(), f"plugins/{folder}/pack.yaml")


def told(text: str, folder: str = "acme") -> list[str]:
    with pytest.raises(ConfigError) as caught:
        pack(text, folder)
    return [str(p).removeprefix(f"plugins/{folder}/pack.yaml:") for p in caught.value.problems]


def calls(*written: str, more: str = "") -> str:
    lines = "".join(f'  - {{id: o{n}, call: "{call}"{more}}}\n' for n, call in enumerate(written))
    return f"{HEAD}operations:\n{lines}"


def test_the_documented_example_is_a_pack() -> None:
    it = pack(EXAMPLE, "twilio")
    create, listing = it.operations
    assert (create.method, create.channel, create.act, listing.act) == ("POST", "sms", True, False)
    assert create.request.form[0] == Field(
        path="To", category="user.contact.phone_number", subject="phone", role="recipient"
    )
    assert [field.path for field in listing.response.json] == [
        "messages[].sid",
        "messages[].to",
        "messages[].from",
        "messages[].body",
    ]
    assert it.refusal == {
        "code": 20403,
        "message": "{detail}",
        "more_info": "urn:hushgate:{reason}",
        "status": "{status}",
    }
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(it), type=Pack) == it


def test_types_in_types_are_put_in_below_their_path() -> None:
    text = HEAD + (
        "types:\n"
        "  name: {first: user.name.first, $: user.name}\n"
        "  person: {name: {type: name}, 'odd.key': user.content, '[].x': user.content}\n"
        "operations:\n"
        "  - {id: a, call: GET /a, response: "
        "{json: {$: {type: person}, 'rows[]': {type: person}, name: user}}}\n"
    )
    text = text.replace("'odd.key'", "\"'odd.key'\"")
    fields = pack(text).operations[0].response.json
    assert [(f.path, f.category) for f in fields] == [
        ("name", "user"),
        ("'odd.key'", "user.content"),
        ("[].x", "user.content"),
        ("name.first", "user.name.first"),
        ("rows[].'odd.key'", "user.content"),
        ("rows[][].x", "user.content"),
        ("rows[].name.first", "user.name.first"),
        ("rows[].name", "user.name"),
    ]
    compile_program([Slot(field.path, field.category) for field in fields], None)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "provider: twilio",
            "provider: twillio",
            "1:11: found provider 'twillio', expected the folder's own name",
        ),
        ("system.operations", "sytem.operations", "9:10: found 'sytem.operations', expected a data category"),
        ("region: IE", "region: UK", "5:40: found 'UK', expected EU, EEA, an ISO 3166"),
        ("{detail}", "{detials}", "6:33: found placeholder {detials}, expected a number"),
        (
            "json: {$: {type: message}}",
            "json: {$: {type: mesage}}",
            "22:24: found unknown type 'mesage', expected",
        ),
        ('"messages[]"', '"messages[0]"', "28:14: found 'messages[0]', expected a JSON path"),
        ("channel: sms", "channel: smss", "16:14: found 'smss', expected one of call, sms"),
        ("channel: sms", "act: false\n    channel: sms", "16:10: found 'act: false' for a call that acts"),
        ("call: GET ", "call: GRAB ", "24:11: found 'GRAB /2010-04-01/Accounts"),
        ("id: messages.list", "id: messages.create", "23:9: found operation id 'messages.create' again"),
        ("subject: phone}}\n    resp", "role: sender}}\n    resp", "26:57: found a role without subject"),
        ("name: api.twilio.com", 'name: "*.ie1.twilio.com"', "5:12: found host '*.ie1.twilio.com' again"),
        (
            "query: {To",
            "path: {Sid: user.name}\n      query: {To",
            "26:14: found unknown path parameter 'Sid'",
        ),
    ],
)
def test_every_mistake_has_its_place(old: str, new: str, message: str) -> None:
    assert EXAMPLE.count(old) == 1
    assert told(EXAMPLE.replace(old, new), "twilio")[0].startswith(message)


def test_a_type_inside_itself_is_a_problem() -> None:
    types = "types: {a: {x: {type: b}}, b: {y: {type: a}}}\n"
    text = HEAD + types + "operations:\n  - {id: a, call: GET /, response: {json: {$: {type: a}}}}\n"
    assert told(text) == [
        (
            "4:8: found type 'a' inside itself, expected types that end, "
            f"and at most {MAX_FIELDS} fields in one place"
        )
    ]


def test_types_that_grow_beyond_measure_are_a_problem() -> None:
    wide = ", ".join(f"k{n}: {{type: t%d}}" for n in range(9))
    types = "".join(f"  t{n}: {{{wide.replace('%d', str(n + 1))}}}\n" for n in range(9))
    text = f"{HEAD}types:\n{types}  t9: {{x: user}}\n"
    text += "operations:\n  - {id: a, call: GET /, response: {json: {$: {type: t0}}}}\n"
    assert told(text)[0].startswith(f"5:3: found more than {MAX_FIELDS} fields in one place")


@pytest.mark.parametrize(
    ("written", "clash"),
    [
        (("GET /a/{id}", "GET /a/{other}"), "the same call as in line 5"),
        (("GET /a/{x}/c", "GET /a/b/{y}"), "which meets the call of line 5"),
        (("GET /{x}.json", "GET /a{y}"), "which meets the call of line 5"),
        (("GET /a/{id}", "POST /a/{id}"), None),
        (("GET /a/{id}", "GET /a/b"), None),
        (("GET /a/{id}", "GET /a/{id}.json"), None),
        (("GET /a/{id}.xml", "GET /a/{id}.json"), None),
        (("GET /a/{x}/c", "GET /a/b/{y}", "GET /a/b/c"), None),
        (("GET /a/{x}", "GET /a/{x}/b"), None),
    ],
)
def test_calls_that_collide(written: tuple[str, ...], clash: str | None) -> None:
    if clash:
        assert clash in told(calls(*written))[0]
    else:
        assert len(pack(calls(*written)).operations) == len(written)


@pytest.mark.parametrize(
    "text",
    ["GET a", "get /a", "GET /{a}{b}", "GET /{a}/{a}", "GET /{a", "GET /a b", "GET /a?b", "GET", "GET /{1}"],
)
def test_what_is_no_call(text: str) -> None:
    assert parse_call(text) is None


@pytest.mark.parametrize(
    ("call", "more", "act"),
    [
        ("GET /a", "", False),
        ("GET /a", ", channel: call", True),
        ("GET /a", ", act: true", True),
        ("POST /a", "", True),
        ("POST /a", ", act: false", False),
        ("DELETE /a", "", True),
    ],
)
def test_what_acts(call: str, more: str, act: bool) -> None:
    assert pack(calls(call, more=more)).operations[0].act is act


@pytest.mark.parametrize("call", ["DELETE /a", "PUT /a", "PATCH /a"])
def test_what_changes_data_cannot_be_said_not_to_act(call: str) -> None:
    assert "'act: false' for a call that acts" in told(calls(call, more=", act: false"))[0]


def test_one_path_in_two_spellings_is_a_problem() -> None:
    text = calls("GET /a", more=", response: {json: {a: user, $.a: user.name}}")
    assert "5:57: found '$.a', which means the same as a key before it" in told(text)[0]


def test_packs_come_from_folders(tmp_path: Path) -> None:
    for folder, name in (("one", "acme"), ("one", "bad"), ("two", "acme")):
        (tmp_path / folder / name).mkdir(parents=True)
        (tmp_path / folder / name / "pack.yaml").write_text(calls("GET /a"))
    loaded = load_packs([tmp_path / "one", tmp_path / "two", tmp_path / "none"])
    assert [it.provider for it in loaded.packs] == ["acme"]
    assert [(Path(p.file).parts[-3:-1], p.line) for p in loaded.problems] == [
        (("one", "bad"), 1),
        (("two", "acme"), 1),
    ]


@given(st.integers(0, len(EXAMPLE)), st.integers(0, 30), st.text("ab: {}[]-,'\"$.*\n", max_size=6))
def test_a_damaged_pack_gives_a_pack_or_problems(start: int, length: int, put: str) -> None:
    try:
        it: Any = pack(EXAMPLE[:start] + put + EXAMPLE[start + length :], "twilio")
    except ConfigError as error:
        it = error.problems
    assert it


@given(st.binary(max_size=300))
def test_any_bytes_give_problems(data: bytes) -> None:
    with pytest.raises(ConfigError):
        read_pack(data, "acme/pack.yaml")


@pytest.mark.parametrize("file", sorted((ROOT / "plugins").glob("*/pack.yaml")), ids=lambda f: f.parent.name)
def test_the_packs_that_come_along_are_right(file: Path) -> None:
    for operation in read_pack(file.read_bytes(), str(file)).operations:
        for side in (operation.request, operation.response):
            compile_program([Slot(field.path, field.category) for field in side.json], None)


RECORDS = f"""{HEAD}record_types: {{contact: [Contacts, "0-1"], deal: deals}}
operations:
  - id: get
    call: GET /{{type}}/{{id}}
    records_of: type
    request: {{path: {{id: {{is: system.operations, record: contact}}}}}}
    response: {{json: {{id: {{is: system.operations, subject: record}}, a: {{is: user, subject: email}}}}}}
webhooks:
  - id: hook
    body: {{form: {{x: user}}}}
    effects: [{{who: x, record: lead, means: erased}}, {{who: x, kind: record, means: erased}}]
"""


def test_record_ids_have_their_provider_and_type() -> None:
    it = pack(RECORDS)
    [get] = it.operations
    assert (get.request.path[0].subject, get.request.path[0].space) == ("record", "acme/contact/")
    assert [field.space for field in get.response.json] == ["acme/", ""]
    assert it.record_types == {"contacts": "contact", "0-1": "contact", "deals": "deal"}
    hook = it.webhooks[0].hook
    assert hook and [effect.space for effect in hook.effects] == ["acme/lead/", "acme/"]
    assert it.spaces == ("acme/", "acme/contact/", "acme/deal/", "acme/lead/")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("records_of: type", "records_of: kind", "unknown path parameter 'kind'"),
        ("subject: email", "subject: email, record: contact", "found 'record' of a subject that is none"),
        ("record: contact}", "record: Con tact}", "expected a kind of record"),
    ],
)
def test_mistakes_of_record_ids(old: str, new: str, message: str) -> None:
    assert message in told(RECORDS.replace(old, new))[0]


TAPED = f"""{HEAD}operations:
  - id: call
    call: POST /calls
    channel: call
    recording:
      fields: {{Record: "False"}}
      xml: {{Twiml: {{elements: [Record], attributes: {{record: [No]}}}}}}
      answer: sid
      record: call
    request: {{form: {{To: {{is: user, subject: phone, role: recipient}}, Twiml: user, Record: user}}}}
  - id: tape
    call: POST /calls/{{id}}
    recording: {{always: true}}
    request: {{path: {{id: {{is: user, record: call}}}}}}
"""


def test_what_records() -> None:
    call, tape = pack(TAPED).operations
    assert call.recording and tape.recording
    assert call.recording.fields == (("Record", ("false",)),)
    assert (call.recording.answer, call.recording.space) == ("sid", "acme/call/")
    said = call.recording.within("Twiml")
    assert said and (said.elements, said.attributes) == (("record",), {"record": ("no",)})
    assert (tape.recording.always, tape.recording.channel, tape.recording.space) == (True, "call", "")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("      record: call\n", "", "half of 'answer' and 'record'"),
        ("{always: true}", "{always: true, fields: {a: b}}", "'always' beside what asks for it"),
        ("{always: true}", "{of: a}", "always"),
        ("{elements: [Record], ", "{elements: ['a b'], ", "a name in XML"),
    ],
)
def test_mistakes_of_recordings(old: str, new: str, message: str) -> None:
    assert TAPED.count(old) == 1
    assert message in told(TAPED.replace(old, new))[0]
