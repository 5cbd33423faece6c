"""Fields to programs: which bodies are read, and what becomes of what no line names."""

import pytest

from gateway.codecs.program import Limits, Program, Slot, Tally
from gateway.codecs.steps import compiled
from gateway.codecs.table import FORMATS
from gateway.masking.detect import redact_all
from gateway.model import DataMap, Field
from gateway.policy.carriers import BODIES, bodies, flat, headers
from gateway.policy.matchers import CARRIERS, personal
from gateway.policy.plan import Opaque

NAME = Field(path="name", category="user.name")
ID = Field(path="id", category="system.operations")
REST = Field(path="*", category="user")


def make(field: Field) -> Slot:
    mask = (lambda _: "*") if personal(field.category) else None
    return Slot(field.path, field.category, mask=mask, subject=field.subject)


def test_the_table_of_formats_speaks_of_these_carriers_alone() -> None:
    assert {each.carrier for each in FORMATS.values()} == set(BODIES) <= set(CARRIERS)


def test_every_body_is_read_where_the_unmapped_is_treated() -> None:
    assert bodies(DataMap(), make, redact_all, ()).keys() == BODIES.keys()
    assert bodies(DataMap(), make, None, ()) == {}


@pytest.mark.parametrize(
    ("data", "read"),
    [
        (DataMap(json=(ID,)), set()),
        (DataMap(json=(ID,), csv=(NAME,)), {"json", "csv"}),
        (DataMap(xml=(NAME,)), {"xml"}),
        (DataMap(form=(Field(path="a", category="system", format="json", inner=(NAME,)),)), {"form"}),
    ],
)
def test_else_those_that_the_map_names(data: DataMap, read: set[str]) -> None:
    assert bodies(data, make, None, ()).keys() == read


def test_bodies_are_read_where_some_may_not_pass_unread() -> None:
    hidden, shown = (Opaque(("audio/*",), "user", shown, ()) for shown in (False, True))
    data = DataMap(multipart=(ID,))
    assert bodies(data, make, None, (shown,)) == {}
    made = compiled(bodies(data, make, None, (hidden,))["multipart"])
    assert made.unread == (("audio/*", False),)


def slots(program: Program | None) -> list[str]:
    return [slot.path for slot in program.slots] if program else []


def test_what_is_not_personal_is_left_out_but_beside_a_star() -> None:
    assert flat((ID,), make) is None
    assert slots(flat((ID, NAME), make)) == ["name"]
    assert slots(flat((ID, REST), make)) == ["id", "*"]


def test_all_that_a_value_holds_is_of_its_category_unless_a_line_says_otherwise() -> None:
    inner = (Field(path="a/b", category="system.operations"), Field(path="a/c", category="user.name"))
    data = DataMap(form=(Field(path="doc", category="user", format="xml", inner=inner), NAME))
    program = compiled(bodies(data, make, None, ())["form"])
    assert slots(program) == ["doc", "name", "doc: $", "doc: a/b", "doc: a/c"]
    codec = FORMATS["application/x-www-form-urlencoded"].codec
    assert codec
    body = b"doc=<a><b>1</b><c>2</c><d>3</d></a>&name=4"
    tally = Tally.of(program)
    document = codec.rewrite(codec.parse(body, Limits()), program, tally)
    assert [value for _, value, _ in document] == ["<a><b>1</b><c>*</c><d>*</d></a>", "*"]
    assert tally.seen == [0, 1, 1, 1, 1]


def test_cookies_are_what_a_header_holds() -> None:
    data = DataMap(headers=(NAME,), cookies=(NAME, ID))
    assert slots(headers(data, "request", make)) == ["name", "cookie", "cookie: name", "cookie: id"]
    assert slots(headers(data, "response", make)) == [
        *("name", "set-cookie", "set-cookie: name", "set-cookie: id")
    ]
    assert slots(headers(DataMap(headers=(NAME,), cookies=(ID,)), "request", make)) == ["name"]
