from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import Problem
from gateway.strict.document import MAX_BYTES, MAX_DEPTH, Bad, Items, Node, Pairs, Scalar, read
from gateway.strict.report import Report


def problems(text: str | bytes) -> list[Problem]:
    report = Report("f.yaml")
    read(text.encode() if isinstance(text, str) else text, report)
    return report.problems


def node(text: str) -> Node:
    report = Report("f.yaml")
    found = read(text.encode(), report)
    assert report.problems == []
    return found


def test_nodes_know_their_place_and_keep_their_text() -> None:
    found = node("a: NO\nbé: [1.10, 'x']\n")
    assert isinstance(found, Pairs)
    assert found.pairs["a"] == (Scalar(1, 1, "a"), Scalar(1, 4, "NO"))
    assert found.pairs["bé"][1] == Items(2, 5, [Scalar(2, 6, "1.10"), Scalar(2, 12, "x", plain=False)])


@pytest.mark.parametrize(
    "word", ["yes", "no", "on", "off", "~", "null", "1.10", "0755", "0x1F", "2026-04-01", "12:30:45", "1e3"]
)
def test_scalars_stay_text(word: str) -> None:
    found = node(f"a: {word}")
    assert isinstance(found, Pairs)
    assert found.pairs["a"][1] == Scalar(1, 4, word)


@pytest.mark.parametrize(
    ("text", "line", "column", "found"),
    [
        ("a: 1\n a2: [\n", 2, 4, "a syntax error"),
        ("a: 1\nb: 2\na: 3\n", 3, 1, "key 'a' again (first in line 1)"),
        ("a: {b: 1, b: 2}", 1, 11, "key 'b' again (first in line 1)"),
        ("a: &x 1\n", 1, 4, "an anchor '&x'"),
        ("a: &x 1\nb: *x\n", 1, 4, "an anchor '&x'"),
        ("a: *x\n", 1, 4, "an alias '*x'"),
        ("a:\n  <<: {b: 1}\n", 2, 3, "a merge key '<<'"),
        ("a: !!str 1\n", 1, 4, "a tag ('!...')"),
        ("a: !python/object:os.system []\n", 1, 4, "a tag ('!...')"),
        ("a: 1\n---\nb: 2\n", 2, 1, "a second document"),
        ("%YAML 1.1\n---\na: 1\n", 1, 1, "a directive ('%...')"),
        ("? [a]\n: 1\n", 1, 3, "a list as a key"),
        ("? {a: b}\n: 1\n", 1, 3, "a mapping as a key"),
        ("{'': 1}", 1, 2, "an empty key"),
        ("", 1, 1, "an empty file"),
        ("# nothing\n", 1, 1, "an empty file"),
        ("a: \x00", 1, 4, "the character U+0000"),
        ("a: 1 # \u2028b: 2", 1, 8, "the character U+2028"),
        ("a: 1 # \u0085b: 2", 1, 8, "the character U+0085"),
        ("a: b\n# \u202e\n", 2, 3, "the character U+202E"),
        (b"a: 1\nb: \xff\n", 2, 4, "bytes that are not UTF-8"),
        ("a: " + "[" * 60, 1, 3 + MAX_DEPTH, f"more than {MAX_DEPTH} levels"),
    ],
)
def test_what_yaml_does_behind_ones_back_is_a_problem(
    text: str | bytes, line: int, column: int, found: str
) -> None:
    first = problems(text)[0]
    assert (first.line, first.column) == (line, column)
    assert first.found.startswith(found)


def test_a_file_is_at_most_eight_mebibytes() -> None:
    assert problems(b"a: " + b"x" * (MAX_BYTES - 3)) == []
    assert "expected at most 8388608 bytes" in str(problems(b"a: " + b"x" * (MAX_BYTES - 2))[0])


def test_fifty_levels_are_enough() -> None:
    assert problems("[" * MAX_DEPTH + "]" * MAX_DEPTH) == []


def test_a_hostile_depth_is_stopped_at_once() -> None:
    assert len(problems("[" * 1_000_000)) == 1


def test_a_byte_order_mark_is_not_part_of_the_first_key() -> None:
    assert isinstance(node("\ufeffa: 1"), Pairs)


def test_several_problems_come_in_one_go() -> None:
    assert [p.line for p in problems("a: &x 1\nb: !t 2\na: 3\nc: {d: 1, d: 2}\n")] == [1, 2, 3, 4]


yamlish = st.text(alphabet="ab: \n-[]{}'\"&*!|>#%?,0~<\t", max_size=60)


@given(st.binary(max_size=200) | yamlish.map(str.encode))
def test_any_bytes_give_a_node_or_a_problem(data: bytes) -> None:
    report = Report("f.yaml")
    found = read(data, report)
    assert report.problems or not isinstance(found, Bad)
    assert all(p.line >= 1 and p.column >= 1 for p in report.problems)


def test_the_pure_parser_reads_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    import yaml

    from gateway.strict import document

    text = (Path(__file__).parents[1] / "vectors/rules/qomon-fr.yaml").read_text()
    fast = node(text)
    monkeypatch.setattr(document, "_LOADER", yaml.SafeLoader)
    assert node(text) == fast
