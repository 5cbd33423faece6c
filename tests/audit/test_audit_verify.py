from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.chain import Link, digest, encoder
from gateway.audit.record import Record
from gateway.audit.verify import BACKWARDS, Report, Segment, Verifier
from tests.audit.audit_world import START, record

ENCODE = encoder()


def chain_of(records: list[Record]) -> list[bytes]:
    link, lines = Link(), []
    for each in records:
        line = link.line(ENCODE(each))
        link = link.after(line)
        lines.append(line + b"\n")
    return lines


def read(lines: list[bytes], expect: tuple[str, ...] = (), size: int = 4) -> Report:
    """Verify lines as a chain in segments of `size` lines."""
    verifier = Verifier({"worker-00": expect} if expect else None)
    parts = [lines[start : start + size] for start in range(0, len(lines), size)]
    verifier.read("worker-00", [Segment(f"s{n}", n, part) for n, part in enumerate(parts, 1)])
    return verifier.report()


def kinds(report: Report) -> list[str]:
    return [finding.kind for finding in report.findings]


ACTS = [record("a", "intent"), record("b"), record("a", "outcome"), record("c", "refusal")]
LINES = chain_of([record("s", "start"), *ACTS, *(record(f"r{n}") for n in range(6)), record("e", "stop")])
HEAD = digest(LINES[-1][:-1])


def test_a_whole_chain_verifies() -> None:
    report = read(LINES, (HEAD, digest(LINES[3][:-1])))
    assert report == Report(12, 1, {"worker-00": HEAD}, ())
    assert report.verified


def test_nothing_is_a_report_of_nothing() -> None:
    assert Verifier().report() == Report(0, 0, {}, ())
    assert read([]).verified


@pytest.mark.parametrize("number", range(len(LINES) - 1))
def test_any_changed_byte_before_the_last_line_is_found(number: int) -> None:
    line = LINES[number]
    for place in range(len(line)):
        changed = line[:place] + bytes((line[place] ^ 1,)) + line[place + 1 :]
        report = read([*LINES[:number], changed, *LINES[number + 1 :]])
        assert not report.verified
        assert all(
            finding.file == f"s{number // 4 + 1}" or finding.line <= 1 for finding in report.findings[:1]
        )


def test_a_changed_last_line_is_found_against_its_noted_hash() -> None:
    line = LINES[-1]
    for place in range(len(line)):
        changed = line[:place] + bytes((line[place] ^ 1,)) + line[place + 1 :]
        assert not read([*LINES[:-1], changed], (HEAD,)).verified


Damage = Callable[[list[bytes], int], list[bytes]]
DAMAGES: dict[str, Damage] = {
    "delete": lambda lines, n: lines[:n] + lines[n + 1 :],
    "swap": lambda lines, n: [*lines[:n], lines[n + 1], lines[n], *lines[n + 2 :]],
    "duplicate": lambda lines, n: lines[: n + 1] + lines[n:],
    "insert": lambda lines, n: [
        *lines[:n],
        Link(n, "0" * 64).line(ENCODE(record("new"))) + b"\n",
        *lines[n:],
    ],
    "blank": lambda lines, n: [*lines[:n], b"\n", *lines[n:]],
    "rewrite": lambda lines, n: [
        *lines[:n],
        Link(n, "0" * 64).line(ENCODE(record("x"))) + b"\n",
        *lines[n + 1 :],
    ],
    "space": lambda lines, n: [*lines[:n], lines[n].replace(b"{", b"{ ", 1), *lines[n + 1 :]],
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("number", range(len(LINES) - 1))
def test_lines_that_were_moved_removed_or_added_are_found(damage: str, number: int) -> None:
    report = read(DAMAGES[damage](LINES, number))
    assert not report.verified
    assert min(4 * int(f.file[1:]) - 4 + f.line for f in report.findings if f.kind == "failure") <= number + 2


def test_one_break_is_one_place() -> None:
    report = read(LINES[:6] + LINES[7:])
    first = report.findings[0]
    assert (first.file, first.line, first.found, first.expected) == ("s2", 3, "seq 7", "seq 6")
    assert {(f.file, f.line) for f in report.findings} == {("s2", 3)}


@pytest.mark.parametrize("kept", range(len(LINES)))
def test_a_cut_tail_is_found_only_against_a_noted_head(kept: int) -> None:
    assert read(LINES[:kept]).verified
    report = read(LINES[:kept], (HEAD,))
    assert [f.found for f in report.findings if f.kind == "failure"] == [
        f"no line with the noted hash {HEAD}"
    ]


def test_a_chain_that_is_gone_is_found_against_a_noted_head() -> None:
    verifier = Verifier({"worker-07": [HEAD]})
    verifier.read("worker-00", [Segment("s1", 1, LINES)])
    assert [str(f) for f in verifier.report().findings] == [
        "failure: worker-07:0: found no such chain, expected a chain whose head was noted"
    ]


def test_the_head_of_an_empty_chain_is_in_every_chain() -> None:
    assert read(LINES, ("0" * 64,)).verified


@pytest.mark.parametrize("missing", [0, 1])
def test_a_missing_segment_is_found(missing: int) -> None:
    parts = [Segment(f"s{n}", n + 1, LINES[n * 4 : n * 4 + 4]) for n in range(3) if n != missing]
    verifier = Verifier()
    verifier.read("worker-00", parts)
    found = [(f.file, f.line, f.found) for f in verifier.report().findings if f.kind == "failure"]
    assert (f"s{missing + 1}", 0, f"segment {missing + 2}") in found
    assert (f"s{missing + 1}", 1, f"seq {missing * 4 + 4}") in found


def test_an_unfinished_last_line_is_a_warning_at_the_end_and_a_failure_before() -> None:
    report = read([*LINES[:-1], LINES[-1][:-1]])
    assert (kinds(report), report.records, report.verified) == (["warning"], 11, True)
    assert "failure" in kinds(read([*LINES[:3], LINES[3][:-1], *LINES[4:]]))
    assert "failure" in kinds(read([*LINES[:2], LINES[2][:-1], *LINES[3:]]))


def test_an_intent_without_an_outcome_is_open_not_failed() -> None:
    report = read(chain_of([record("s", "start"), record("a", "intent"), record("b", "intent"), record("c")]))
    assert report.verified
    assert [(f.kind, f.file, f.line, f.id) for f in report.findings] == [
        ("open", "s1", 2, "a"),
        ("open", "s1", 3, "b"),
    ]


@pytest.mark.parametrize(
    ("records", "found"),
    [
        ([record("a", "outcome")], "an outcome without an intent or stream"),
        ([record("a"), record("a")], "read with an id that was there before"),
        ([record("a", "intent"), record("a", "intent")], "intent with an id that was there before"),
        ([*ACTS, record("a", "outcome")], "outcome with an id that was there before"),
        ([*ACTS, record("b", "outcome")], "outcome with an id that was there before"),
        ([record("a", "refusal"), record("a", "intent")], "intent with an id that was there before"),
    ],
)
def test_ids_that_do_not_pair(records: list[Record], found: str) -> None:
    report = read(chain_of(records))
    assert [f.found for f in report.findings if f.kind == "failure"] == [found]


def test_ids_are_unique_over_all_chains_and_pairs_within_one() -> None:
    verifier = Verifier()
    verifier.read("worker-00", [Segment("x", 1, chain_of([record("a"), record("b", "intent")]))])
    verifier.read("worker-01", [Segment("y", 1, chain_of([record("a"), record("b", "outcome")]))])
    assert [(f.kind, f.file, f.line) for f in verifier.report().findings] == [
        ("open", "x", 2),
        ("failure", "y", 1),
        ("failure", "y", 2),
    ]


def test_time_that_goes_back_is_a_warning() -> None:
    times = (START, START - BACKWARDS, START - BACKWARDS - 1, START + 1)
    report = read(chain_of([record(f"r{n}", at=at) for n, at in enumerate(times)]))
    assert report.verified
    assert [(f.kind, f.line, f.id) for f in report.findings] == [("warning", 3, "r2")]


@given(st.lists(st.binary() | st.sampled_from(LINES) | st.sampled_from(LINES).map(lambda line: line[:-2])))
def test_any_lines_give_a_report(lines: list[bytes]) -> None:
    report = read(lines)
    assert report.verified == ("failure" not in kinds(report))
    if report.verified:
        whole = [line for line in lines if line.endswith(b"\n")]
        assert whole == LINES[: len(whole)]
