"""Whose a value is, in every format; the masker says whom it was made for, so that a test can read it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.codecs.delimited import CSV
from gateway.codecs.json import JSON
from gateway.codecs.jsonarray import JSON_ARRAY
from gateway.codecs.kernel import transform
from gateway.codecs.ndjson import NDJSON
from gateway.codecs.params import FORM
from gateway.codecs.paths import compile_names, compile_program
from gateway.codecs.program import Codec, Limits, PerPerson, Program, Slot, Streaming, Tally
from gateway.codecs.scalars import text_of
from gateway.codecs.steps import compiled
from gateway.codecs.xml import XML
from gateway.codecs.xmlpaths import compile_xml
from gateway.model import SubjectKind

LIMITS = Limits()
HIDDEN = "hidden"
SUBJECTS: dict[str, SubjectKind] = {"id": "record", "email": "email", "phone": "phone"}


def says(kind: str, who: str) -> Any:
    return lambda value: f"{text_of(value)} of {kind} {who}"


MASK = PerPerson(lambda _: HIDDEN, says)


def slots(*paths: str) -> list[Slot]:
    """A path that ends as SUBJECTS has it identifies somebody; every other is a date."""
    made = []
    for path in paths:
        last = path.removesuffix("/text()").replace("/", ".").replace("@", "").split(".")[-1]
        subject = SUBJECTS.get(last.removesuffix("[]"))
        made.append(Slot(path, "user", mask=None if subject else MASK, subject=subject))
    return made


def run(codec: Codec, program: Program, body: bytes, *drop: int) -> str:
    document = codec.parse(body, LIMITS)
    return codec.dump(codec.rewrite(document, program, Tally.of(program), drop)).decode()


def of_json(document: Any, *paths: str, unmapped: Any = None) -> Any:
    program = compile_program(slots(*paths), unmapped)
    body = json.dumps(document).encode()
    tally = Tally.of(program)
    out = JSON.transform(body, program, tally, LIMITS)
    assert out.decode() == run(JSON, program, body)
    return json.loads(out)


CONTACT = ("results[].born", "results[].id", "results[].p.email", "results[].p.phone", "results[].p.seen")


def test_each_item_of_an_array_is_somebody() -> None:
    """The date stands before the identifier in one, after it in the other."""
    rows = [{"born": "1", "id": 7}, {"id": 8, "born": "2"}]
    found = of_json({"results": rows}, *CONTACT)["results"]
    assert [row["born"] for row in found] == ["1 of record 7", "2 of record 8"]


def test_a_record_id_comes_first_whatever_else_is_there() -> None:
    row = {"p": {"email": "a@b.c", "phone": "+336", "seen": "1"}, "born": "2", "id": "7"}
    found = of_json({"results": [row]}, *CONTACT)["results"][0]
    assert (found["p"]["seen"], found["born"]) == ("1 of record 7", "2 of record 7")


@pytest.mark.parametrize(
    ("who", "named"),
    [
        ({"phone": "+336", "email": "a@b.c"}, "1 of email a@b.c"),
        ({"phone": "+336", "email": ""}, "1 of phone +336"),
        ({"phone": "+336", "email": None}, "1 of phone +336"),
        ({"phone": " "}, HIDDEN),
        ({}, HIDDEN),
    ],
)
def test_then_an_address_then_a_number(who: Any, named: str) -> None:
    assert of_json({"results": [{"born": "1", "p": who}]}, *CONTACT)["results"][0]["born"] == named


def test_a_person_comes_before_who_was_written_to() -> None:
    table = [
        Slot("to", "user", subject="email", role="recipient"),
        Slot("from", "user", subject="email", role="sender"),
        Slot("who", "user", subject="email"),
        Slot("born", "user", mask=MASK),
    ]
    program = compile_program(table, None)
    for keys, named in (("from to who", "who"), ("from to", "to"), ("from", "from")):
        body = json.dumps({key: key for key in (*keys.split(), "born")}).encode()
        assert json.loads(run(JSON, program, body))["born"] == f"born of email {named}"


def test_of_two_people_in_one_record_the_nearer_is_meant() -> None:
    document = {"a": {"id": 1, "born": "1"}, "b": {"born": "2", "id": 2}, "seen": "3"}
    found = of_json(document, "a.id", "a.born", "b.id", "b.born", "seen")
    assert (found["a"]["born"], found["b"]["born"]) == ("1 of record 1", "2 of record 2")
    assert found["seen"] == "3 of record 1"  # the first that the data map names


def test_a_record_that_names_nobody_belongs_to_the_one_around_it() -> None:
    document = {"id": 7, "visits": [{"seen": "1"}, {"seen": "2", "email": "a@b.c"}], "days": ["3"]}
    found = of_json(document, "id", "visits[].seen", "visits[].email", "days[].seen", "days[]")
    assert [each["seen"] for each in found["visits"]] == ["1 of record 7", "2 of email a@b.c"]
    assert found["days"] == ["3 of record 7"]


def test_who_stands_in_a_list_does_not_name_what_is_outside_of_it() -> None:
    document = {"born": "1", "friends": [{"id": 2}], "copies": [{"email": "a@b.c"}]}
    assert of_json(document, "born", "friends[].id", "copies[].email")["born"] == HIDDEN


def test_fields_that_no_map_names_are_passed_over() -> None:
    document = {"x": [{"y": [{"id": 1, "born": "1"}]}], "id": 7}
    found = of_json(document, "**.id", "**.born", "x[].z.born", unmapped=lambda value: value)
    assert found["x"][0]["y"][0]["born"] == "1 of record 1"
    found = of_json(
        document, "x.*.id", "x.*.born", "*.id", "id", "x[].y[].born", unmapped=lambda value: value
    )
    assert found["x"][0]["y"][0]["born"] == "1 of record 7"


def test_who_is_dropped_names_nobody() -> None:
    program = compile_program(slots("id", "rows[].id", "rows[].born"), None)
    body = b'{"rows":[{"id":"1","born":"1"},{"id":"2","born":"2"}]}'
    assert json.loads(run(JSON, program, body, 0))["rows"] == [{"id": "2", "born": "2 of record 2"}]


@pytest.mark.parametrize("value", ["2", 2, True, 1.5])
def test_scalars_of_every_kind_are_theirs_and_null_is_nobodys(value: Any) -> None:
    many = {"results": [{"id": "7", "born": value}, {"born": "1", "id": "8"}, {"born": None, "id": "9"}] * 3}
    found = of_json(many, *CONTACT)["results"]
    assert found[0]["born"].endswith(" of record 7")
    assert [found[1]["born"], found[2]["born"]] == ["1 of record 8", None]


def test_what_is_settled_is_counted() -> None:
    program = compile_program(slots(*CONTACT), None)
    tally = Tally.of(program)
    JSON.transform(b'{"results":[{"born":"1","id":"7"},{"born":"2"},{"id":"8"}]}', program, tally, LIMITS)
    assert (tally.seen[0], tally.masked[0], tally.subjects) == (2, 2, [(1, "7"), (1, "8")])


def test_the_kernel_takes_no_program_that_asks_whose_a_value_is() -> None:
    program = compiled(compile_program(slots("born", "id"), None))
    assert transform(b'{"born":"1","id":"7"}', program, Tally.of(program), 100) is None


def test_a_scalar_that_is_the_whole_body_is_nobodys() -> None:
    assert of_json("2000-01-01", "$") == HIDDEN


# ---- lines, long arrays, rows, forms, XML ---------------------------------------------------------------


def streamed(codec: Streaming, program: Program, body: bytes) -> str:
    out = []
    for size in (1, 7, len(body)):
        stream = codec.stream(program, Tally.of(program), LIMITS)
        cut = [body[at : at + size] for at in range(0, len(body), size)]
        out.append(b"".join([*map(stream.feed, cut), stream.finish()]))
    assert len({*out, codec.transform(body, program, Tally.of(program), LIMITS)}) == 1
    return out[0].decode()


def test_each_line_is_a_record() -> None:
    program = compile_program(slots("born", "id"), None)
    body = b'{"born":"1","id":"7"}\n{"born":"2"}\n{"id":"8","born":"3"}\n'
    expected = '{"born":"1 of record 7","id":"7"}\n{"born":"hidden"}\n{"id":"8","born":"3 of record 8"}\n'
    assert streamed(NDJSON, program, body) == expected == run(NDJSON, program, body)


def test_in_a_body_too_large_to_hold_an_item_names_its_own_alone() -> None:
    program = compile_program(slots("id", "born", "rows[].id", "rows[].born"), None)
    body = b'{"id":"7","born":"0","rows":[{"born":"1","id":"8"},{"born":"2"}]}'
    held = json.loads(run(JSON_ARRAY, program, body))
    passed = json.loads(streamed(JSON_ARRAY, program, body))
    assert (held["born"], held["rows"][1]["born"]) == ("0 of record 7", "2 of record 7")
    assert (passed["born"], passed["rows"][1]["born"]) == (HIDDEN, HIDDEN)
    assert held["rows"][0] == passed["rows"][0] == {"born": "1 of record 8", "id": "8"}


def test_each_row_is_a_record() -> None:
    program = compile_names(slots("email", "born", "id"), None)
    body = b'note,born,email,id\nx,1,a@b.c,7\ny,2,"d@e.f",\nz,3,,\n"q,",4,g@h.i,"8"\n'
    expected = (
        'note,born,email,id\nx,1 of record 7,a@b.c,7\ny,2 of email d@e.f,"d@e.f",\nz,hidden,,\n'
        '"q,",4 of record 8,g@h.i,"8"\n'
    )
    assert streamed(CSV, program, body) == expected == run(CSV, program, body)


def test_a_column_that_stands_twice_names_nobody() -> None:
    program = compile_names(slots("email", "born", "id"), None)
    assert (
        run(CSV, program, b"id,born,id,email\n1,2,3,a@b.c\n")
        == "id,born,id,email\n1,2 of email a@b.c,3,a@b.c\n"
    )


@pytest.mark.parametrize(
    ("body", "out"),
    [
        (b"born=1&id=7&email=a", "born=1+of+record+7&id=7&email=a"),
        (b"born=1&id=7&id=8&email=a", "born=1+of+email+a&id=7&id=8&email=a"),
        (b"born=1&x=2", "born=hidden&x=2"),
    ],
)
def test_a_form_is_a_record(body: bytes, out: str) -> None:
    assert run(FORM, compile_names(slots("born", "id", "email"), None), body) == out


def test_who_is_dropped_from_a_form_names_nobody_in_it() -> None:
    program = compile_names(slots("born", "email"), None)
    assert run(FORM, program, b"email=a&email=b&born=1", 0) == "email=b&born=1+of+email+b"


def test_in_xml_elements_of_one_name_are_records() -> None:
    paths = ("R/C/@id", "R/C/born", "R/C/email", "R/C/V/seen", "R/seen")
    program = compile_xml(slots(*paths), None)
    body = (
        b"<R><C id='7'><born>1</born><email>a</email><V><seen>2</seen></V><V><seen>3</seen></V></C>"
        b"<C><born>4</born><email>b</email></C><seen>5</seen></R>"
    )
    out = run(XML, program, body)
    for said in ("1 of record 7", "2 of record 7", "3 of record 7", "4 of email b", "<seen>hidden</seen>"):
        assert out.count(said) == 1, said
    assert "id='7'" in out and "<email>a</email>" in out


def test_a_comment_names_nobody() -> None:
    program = compile_xml(slots("R/email", "R/born"), None)
    assert run(XML, program, b"<R><born>1</born><email><!-- x --></email></R>").startswith("<R><born>hidden<")


# ---- for random documents -------------------------------------------------------------------------------

people = st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.text("xy", max_size=3)), max_size=8)


@given(people)
def test_one_person_is_named_alike_in_every_format(them: list[tuple[int, bool, str]]) -> None:
    rows = [
        {"born": str(at), "id": f"p{who}", "z": note}
        if first
        else {"z": note, "id": f"p{who}", "born": str(at)}
        for at, (who, first, note) in enumerate(them)
    ]
    named = [f"{at} of record p{who}" for at, (who, _, _) in enumerate(them)]
    tree, table = compile_program(slots("[].born", "[].id"), None), compile_names(slots("born", "id"), None)
    lines = compile_program(slots("born", "id"), None)
    whole = json.dumps(rows).encode()
    assert [row["born"] for row in json.loads(run(JSON, tree, whole))] == named
    assert [row["born"] for row in json.loads(streamed(JSON_ARRAY, tree, whole))] == named
    ndjson = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    assert [json.loads(line)["born"] for line in run(NDJSON, lines, ndjson).splitlines()] == named
    csv = "born,z,id\n" + "".join(f"{row['born']},{row['z']},{row['id']}\n" for row in rows)
    assert [line.split(",")[0] for line in run(CSV, table, csv.encode()).splitlines()[1:]] == named
    for row, said in zip(rows, named, strict=True):
        form = run(FORM, table, f"born={row['born']}&id={row['id']}".encode())
        assert form.split("&")[0] == "born=" + said.replace(" ", "+")


keys = st.sampled_from(("id", "email", "born", "k", "l"))
trees = st.recursive(
    st.sampled_from(("1", "2", 3, None, True)),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(keys, below, max_size=4),
    max_leaves=20,
)


@given(trees, st.booleans())
def test_no_date_is_left_as_it_was_and_nothing_else_is_touched(document: Any, everything: bool) -> None:
    program = compile_program(slots("**.id", "**.email", "**.born"), (lambda v: v) if everything else None)
    out = json.loads(run(JSON, program, json.dumps(document).encode()))

    def same(old: Any, new: Any, date: bool) -> bool:
        if isinstance(old, dict):
            return old.keys() == new.keys() and all(
                same(old[k], new[k], k == "born" or (date and k not in SUBJECTS)) for k in old
            )
        if isinstance(old, list):
            return len(old) == len(new) and all(same(a, b, date) for a, b in zip(old, new, strict=True))
        if old is None or not date:
            return bool(old == new)
        return new == HIDDEN or " of " in str(new)

    assert same(document, out, False)
