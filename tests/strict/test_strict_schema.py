from typing import Any

import pytest

from gateway.errors import ConfigError
from gateway.strict.checks import Refers, Unique, select
from gateway.strict.document import Node, Scalar, read
from gateway.strict.kinds import FLAG, Kind, Number, one_of
from gateway.strict.reference import reference
from gateway.strict.report import MAX_PROBLEMS, Report, nearest
from gateway.strict.shapes import ByShape, Document, Fault, Key, ListOf, MapOf, Table, Variant
from gateway.strict.words import (
    BIND,
    CIDR,
    DATE,
    DURATION,
    GLOB,
    HOST,
    HOST_PATTERN,
    HOURS,
    NAME,
    SECRET,
    SIZE,
    TEXT,
    URL,
)


def take[T](kind: Kind[T], text: str, *checks: Any) -> T:
    report = Report("f.yaml")
    root = read(text.encode(), report)
    return Document(kind, checks).take(root, report)


def told(kind: Kind[Any], text: str, *checks: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        take(kind, text, *checks)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (one_of("NO", "SE"), "NO", "NO"),
        (FLAG, "true", True),
        (Number(0, 10), "10", 10),
        (Number(0, 10), "0", 0),
        (SIZE, "10MiB", 10 * 1024 * 1024),
        (SIZE, "4096", 4096),
        (DURATION, "500ms", 0.5),
        (DURATION, "5m", 300.0),
        (DATE, "2026-02-28", "2026-02-28"),
        (HOURS, '"09:00-20:00"', (540, 1200)),
        (HOURS, "00:00-24:00", (0, 1440)),
        (CIDR, "10.0.0.0/8", "10.0.0.0/8"),
        (CIDR, "2001:DB8::/32", "2001:db8::/32"),
        (URL, "https://api.example.com:8443/v3/", "https://api.example.com:8443/v3"),
        (BIND, "127.0.0.1:8080", ("127.0.0.1", 8080)),
        (BIND, "'[::1]:0'", ("::1", 0)),
        (BIND, "localhost:80", ("localhost", 80)),
        (HOST, "api.example.com", "api.example.com"),
        (HOST_PATTERN, "'*.example.com'", "*.example.com"),
        (GLOB, "'*.delete_batch'", "*.delete_batch"),
        (SECRET, "env:TOKEN", "env:TOKEN"),
        (TEXT, "1.10", "1.10"),
        (ListOf(NAME), "[a, b]", ("a", "b")),
        (ListOf(NAME, one=True), "a", ("a",)),
        (ListOf(NAME, least=0), "[]", ()),
        (MapOf(NAME, NAME), "{a: b}", {"a": "b"}),
    ],
)
def test_a_scalar_is_what_its_place_expects(kind: Kind[Any], text: str, value: object) -> None:
    assert take(kind, text) == value


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        (
            one_of("enforce", "shadow"),
            "shadwo",
            "expected one of enforce, shadow; did you mean 'shadow'?",
        ),
        (one_of("a", later=("b",)), "b", "found 'b' which is not available yet, expected a"),
        (FLAG, "yes", "found 'yes', expected true or false; did you mean 'true'?"),
        (FLAG, "'true'", "found 'true' in quotes, expected true or false"),
        (Number(1, 9), "010", "found '010', expected a whole number from 1 to 9"),
        (Number(1, 9), "'1'", "found '1', expected a whole number from 1 to 9"),
        (Number(1, 9), "10", "found '10', expected a whole number from 1 to 9"),
        (Number(1, 9), "١", "found '١', expected a whole number from 1 to 9"),
        (NAME, "[a]", "found a list, expected a name"),
        (NAME, "{a: b}", "found a mapping, expected a name"),
        (NAME, "''", "found '', expected a name"),
        (ListOf(NAME, one=True), "{}", "found a mapping, expected a name"),
        (SIZE, "10MB", "found '10MB', expected a size"),
        (SIZE, "0", "found '0', expected a size"),
        (DURATION, "30", "found '30', expected a duration"),
        (DATE, "2026-02-30", "found '2026-02-30', expected a date"),
        (DATE, "2026-2-3", "found '2026-2-3', expected a date"),
        (HOURS, '"20:00-09:00"', "found '20:00-09:00', expected a time range within one day"),
        (HOURS, '"9-17"', "found '9-17', expected a time range within one day"),
        (CIDR, "10.1.2.3/8", "expected a network such as 10.1.0.0/16; did you mean '10.0.0.0/8'?"),
        (
            CIDR,
            "10.1.2.3",
            "expected a network such as 10.1.0.0/16; did you mean '10.1.2.3/32'?",
        ),
        (URL, "https://user:pw@example.com", "found a text that is not shown, expected a URL"),
        (URL, "ftp://example.com", "expected a URL"),
        (URL, "https://example.com:0", "expected a URL"),
        (URL, "https://example.com:99999", "expected a URL"),
        (BIND, "8080", "expected an address and port"),
        (BIND, "127.0.0.1:65536", "expected an address and port"),
        (BIND, "::1:80", "expected an address and port"),
        (HOST_PATTERN, "'*.'", "expected a host name or '*.suffix'"),
        (HOST_PATTERN, "'a.*.com'", "expected a host name or '*.suffix'"),
        (SECRET, "hunter2", "found a text that is not shown, expected a reference to a secret"),
        (ListOf(NAME), "a", "found 'a', expected a list"),
        (ListOf(NAME), "[]", "found an empty list, expected at least one item"),
        (ListOf(NAME), "[a, b, a]", "1:8: found 'a' again, expected each item once"),
        (MapOf(NAME, NAME, least=1), "{}", "found an empty mapping, expected at least one entry"),
        (MapOf(NAME, NAME), "[]", "found a list, expected a mapping from"),
    ],
)
def test_a_wrong_scalar_says_what_was_expected(kind: Kind[Any], text: str, message: str) -> None:
    assert message in told(kind, text)[0]


def test_a_map_refuses_two_spellings_of_one_key() -> None:
    from gateway.strict.kinds import mapped

    kind = MapOf(mapped({"a": "same", "b": "same"}), NAME)
    assert "1:8: found 'b', which means the same as a key before it" in told(kind, "{a: x, b: y}")[0]


def _range(low: int, high: int = 9, line: int = 0) -> tuple[int, int, int] | Fault:
    return (low, high, line) if low < high else Fault("high", f"{high}", f"more than {low}")


RANGE = Table(
    "range",
    (
        Key("from", Number(0, 9), "Lower end.", required=True, to="low"),
        Key("high", Number(0, 9), "Upper end.", default="9"),
    ),
    _range,
    lines=True,
    doc="Two numbers.",
)


def test_a_table_gives_its_keys_to_the_builder() -> None:
    assert take(RANGE, "\nfrom: 1") == (1, 9, 2)
    assert take(RANGE, "{from: 1, high: 3}") == (1, 3, 1)


def test_a_table_says_everything_that_is_wrong_in_it() -> None:
    assert told(RANGE, "fro: 1\nhigh: x\n") == [
        "f.yaml:1:1: found range without 'from', expected the required key 'from'",
        "f.yaml:1:1: found unknown key 'fro', expected a key of range: from, high; did you mean 'from'?",
        "f.yaml:2:7: found 'x', expected a whole number from 0 to 9",
    ]


def test_keys_that_do_not_fit_together_are_told_where_they_stand() -> None:
    assert told(RANGE, "from: 5\nhigh: 3") == ["f.yaml:2:7: found 3, expected more than 5"]


EITHER = Table(
    "either",
    (Key("a", NAME, "A."), Key("b", NAME, "B.")),
    lambda a="", b="": (a, b),
    exactly=("a", "b"),
)
SOME = Table("some", EITHER.keys, lambda a="", b="": (a, b), some=("a", "b"))


def test_exactly_one_and_at_least_one() -> None:
    assert take(EITHER, "a: x") == ("x", "")
    assert take(SOME, "{a: x, b: y}") == ("x", "y")
    assert told(EITHER, "{a: x, b: y}") == ["f.yaml:1:1: found 'a' and 'b', expected exactly one of a, b"]
    assert told(EITHER, "{}") == ["f.yaml:1:1: found either without a kind, expected exactly one of a, b"]
    assert told(SOME, "{}") == ["f.yaml:1:1: found some without any of them, expected at least one of a, b"]


def test_shorthand_and_variant() -> None:
    kind: Kind[Any] = ByShape(NAME, Variant({"range": RANGE}))
    assert take(kind, "word") == "word"
    assert take(kind, "{range: {from: 1}}") == (1, 9, 1)
    assert "1:2: found unknown key 'rnge', expected range; did you mean" in told(kind, "{rnge: {}}")[0]
    assert "found a mapping, expected a mapping with exactly range" in told(kind, "{range: {}, b: {}}")[0]
    assert "found a list" in told(kind, "[]")[0]


def test_a_default_that_is_not_valid_cannot_be_declared() -> None:
    with pytest.raises(ValueError, match="default of 'a'"):
        Table("t", (Key("a", Number(0, 1), "A.", default="2"),), lambda a: a)


def tree(text: str) -> Node:
    report = Report("f.yaml")
    return read(text.encode(), report)


def test_select_follows_paths_and_shorthands() -> None:
    root = tree("a: [{b: x}, {b: [y, z]}, 3]\nm: {k: {v: 1}, l: {v: 2}}")

    def texts(path: str) -> list[str]:
        return [node.text for node in select(root, path) if isinstance(node, Scalar)]

    assert texts("a[].b[]") == ["x", "y", "z"]
    assert texts("m{}") == ["k", "l"]
    assert texts("m.*.v") == ["1", "2"]
    assert texts("nothing[].here") == []


def test_unique_and_refers() -> None:
    kind = MapOf(NAME, ListOf(NAME, unique=False))
    text = "names: [ann, bob, ann]\nuses: [bob, amn]"
    assert told(kind, text, Unique("name", "names[]"), Refers("name", ("uses[]",), "names[]")) == [
        "f.yaml:1:19: found name 'ann' again (first in line 1), expected each name once",
        (
            "f.yaml:2:13: found unknown name 'amn', expected a name of this file: one of ann, bob, ann; "
            "did you mean 'ann'?"
        ),
    ]


def test_problems_are_bounded() -> None:
    assert len(told(MapOf(NAME, NAME), "\n".join(f"k{n}: []" for n in range(500)))) == MAX_PROBLEMS


def test_nearest_ignores_case_and_gives_nothing_far() -> None:
    assert nearest("EMAIL", ["email"]) == "email"
    assert nearest("x", ["email"]) is None


def test_the_reference_names_every_key_once() -> None:
    page = reference(ListOf(RANGE))
    assert page == (
        "## range\n\nTwo numbers.\n\n| key | value | default | meaning |\n|---|---|---|---|\n"
        "| `from` | a whole number from 0 to 9 | required | Lower end. |\n"
        "| `high` | a whole number from 0 to 9 | `9` | Upper end. |\n"
    )
