"""Data maps as packs write them: every carrier, what a value holds, and every mistake with its place."""

import pytest

from gateway.errors import ConfigError
from gateway.model import DataMap, Field, Unread
from gateway.policy.packfile import read_pack

HEAD = "provider: acme\ntitle: A\nhosts: [{name: a.example, region: FR, operator: OVH}]\n"


def pack(side: str, types: str = "") -> DataMap:
    text = f"{HEAD}{types}operations:\n  - id: a\n    call: POST /a\n    request: {side}\n"
    return read_pack(text.encode(), "acme/pack.yaml").operations[0].request


def told(side: str, types: str = "") -> str:
    with pytest.raises(ConfigError) as caught:
        pack(side, types)
    return "\n".join(str(each).removeprefix("acme/pack.yaml:") for each in caught.value.problems)


def test_every_carrier_is_read() -> None:
    it = pack(
        "{cookies: {who: user.name}, csv: {Name: user.name}, xml: {a/@b: user.name}, text: user.content,"
        " multipart: {'*': user}, headers: {X-Who: user.name}}"
    )
    assert [f.path for carrier in (it.cookies, it.csv, it.xml, it.multipart, it.text) for f in carrier] == [
        *("who", "Name", "a/@b", "*", "$")
    ]
    assert it.text == (Field(path="$", category="user.content"),)
    assert it.headers[0].path == "x-who", "a header's name means the same in any case"


def test_a_value_may_hold_a_document_and_types() -> None:
    it = pack(
        "{form: {doc: {is: user, json: {$: {type: one}, b: user.name}}, x: {is: user, xml: {a: user.name}}}}",
        "types: {one: {a: user.contact}}\n",
    )
    doc, x = it.form
    assert (doc.category, doc.format, x.format) == ("user", "json", "xml")
    assert [(f.path, f.category) for f in doc.inner] == [("b", "user.name"), ("a", "user.contact")]
    assert x.inner == (Field(path="a", category="user.name"),)


def test_lines_of_opaque() -> None:
    line = {"types": ("audio/*",), "category": "user.content"}
    assert pack("{opaque: {types: ['audio/*'], is: user.content}}").opaque == (Unread(**line),)  # type: ignore[arg-type]  # mypy does not look into the dict
    both = pack(
        "{opaque: [{types: ['audio/*'], is: user.content, consent: rec},"
        " {types: ['audio/*'], is: user.content, refuse: true}]}"
    ).opaque
    assert [(each.consent, each.refuse) for each in both] == [("rec", False), (None, True)]


@pytest.mark.parametrize(
    ("side", "problem"),
    [
        ("{xlm: {}}", "7:15: found unknown key 'xlm', expected a key of request"),
        ("{multipat: {}}", "did you mean 'multipart'?"),
        ("{xml: {s:a: user.name}}", "7:21: found 's:a', expected an XML path"),
        ("{xml: {a//b: user.name}}", "may not be empty"),
        ("{xml: {a: {type: t}}}", "unknown key 'type'"),
        ("{xml: {a: user.nam}}", "did you mean 'user.name'?"),
        ("{csv: {a: {is: user, json: {}}}}", "unknown key 'json'"),
        ("{form: {a: {json: {b: user}}}}", "value without 'is'"),
        ("{form: {a: {is: user, json: {}, xml: {}}}}", "for one value"),
        ("{form: {a: {is: user, subject: phone, xml: {}}}}", "a subject beside 'xml'"),
        ("{form: {a: {is: user, guard: compared, json: {}}}}", "a guard beside 'json'"),
        ("{form: {a: {is: user, jsn: {}}}}", "did you mean 'json'?"),
        ("{form: {a: {is: user, json: {b: {type: none}}}}}", "unknown type 'none'"),
        ("{form: {a: {is: user, json: {'b[0]': user}}}}", "expected a JSON path"),
        ("{text: {$: user}}", "unknown key '$'"),
        ("{headers: {X-A: user, x-a: user}}", "means the same as a key before it"),
        ("{headers: {Cookie: user}, cookies: {a: user}}", "cookies, and the header that holds them"),
        ("{opaque: []}", "an empty list"),
        ("{opaque: {types: [x], is: user}}", "a media type such as audio/*"),
        ("{opaque: {types: [x/y], is: user, consent: a, refuse: true}}", "a consent beside 'refuse'"),
    ],
)
def test_every_mistake_is_told(side: str, problem: str) -> None:
    assert problem in told(side)
