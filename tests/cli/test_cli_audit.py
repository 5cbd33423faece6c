import json
from pathlib import Path

import pytest

from gateway.audit.chain import Link, encoder
from gateway.audit.record import Record
from gateway.cli import audit, exits
from gateway.cli.main import main
from gateway.cli.verbs import parser

START = 1_767_225_600.0
ENCODE = encoder()
RECORDS = [
    Record(phase="start", id="s", at=START),
    Record(
        phase="read",
        id="d1",
        at=START + 1,
        tenant="acme",
        client="desk",
        operation="hubspot.contacts.get",
        method="GET",
        status=200,
        masked={"user.contact": 2, "user.name": 1},
        rules=("a", "b"),
        address="192.0.2.1",
        country="IE",
        operator="AWS",
        added_us=214,
    ),
    Record(phase="refusal", id="d2", at=START + 3, tenant="acme", client="dial", effect="refuse", status=451),
    Record(phase="intent", id="d3", at=START + 5, tenant="other", client="desk"),
]
OTHERS = [
    Record(phase="start", id="t", at=START),
    Record(phase="read", id="e1", at=START + 2, tenant="other", client="desk"),
    Record(phase="read", id="e2", at=START + 4, tenant="acme", client="desk"),
]


def write(file: Path, records: list[Record], link: Link | None = None) -> Link:
    link = link or Link()
    with file.open("ab") as out:
        for record in records:
            line = link.line(ENCODE(record))
            link = link.after(line)
            out.write(line + b"\n")
    return link


@pytest.fixture
def log(tmp_path: Path) -> Path:
    link = write(tmp_path / "worker-00.000001.jsonl", RECORDS[:2])
    write(tmp_path / "worker-00.000002.jsonl", RECORDS[2:], link)
    write(tmp_path / "worker-01.000001.jsonl", OTHERS)
    (tmp_path / "worker-00.lock").touch()
    (tmp_path / "worker-00.000001.jsonl.torn").write_bytes(b"{")
    return tmp_path


def ids(output: str) -> list[str]:
    return [json.loads(line)["id"] for line in output.splitlines()]


def test_verify_says_what_is_there_and_the_heads(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "verify", str(log)]) == exits.OK
    output = capsys.readouterr().out.splitlines()
    assert output[0] == (
        "open: worker-00.000002.jsonl:2: found an intent without an outcome, expected its outcome (id d3)"
    )
    assert [line[:16] for line in output[1:3]] == ["head: worker-00=", "head: worker-01="]
    assert (
        output[3] == "verified: 7 records in 2 chains, 0 failures, 0 warnings, 1 open intents, 0 open streams"
    )


def test_verify_tells_streams_from_acts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    records = [
        Record(phase="stream", id="s1", at=1.0),
        Record(phase="intent", id="i1", at=2.0),
        Record(phase="stream", id="s2", at=3.0),
        Record(phase="outcome", id="s2", at=4.0),
        Record(phase="intent", id="i2", at=5.0),
        Record(phase="stream", id="i2", at=6.0),
    ]
    write(tmp_path / "worker-00.000001.jsonl", records)
    assert main(["audit", "verify", str(tmp_path)]) == exits.OK
    output = capsys.readouterr().out.splitlines()
    assert [line.partition("found ")[2] for line in output[:3]] == [
        "a stream under way or cut off, expected its outcome (id s1)",
        "an intent without an outcome, expected its outcome (id i1)",
        "a stream under way or cut off, expected its outcome (id i2)",
    ]
    assert output[-1].endswith(", 0 failures, 0 warnings, 1 open intents, 2 open streams")


def test_verify_json_and_a_head_given_back(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "verify", str(log), "--json"]) == exits.OK
    report = json.loads(capsys.readouterr().out)
    assert (report["verified"], report["records"], report["chains"]) == (True, 7, 2)
    assert report["findings"][0]["id"] == "d3"
    expect = [word for chain, head in report["heads"].items() for word in ("--expect", f"{chain}={head}")]
    assert main(["audit", "verify", str(log), *expect]) == exits.OK
    (log / "worker-00.000002.jsonl").unlink()
    assert main(["audit", "verify", str(log)]) == exits.OK
    assert main(["audit", "verify", str(log), *expect]) == exits.FAILED
    assert "found no line with the noted hash" in capsys.readouterr().out


def test_verify_fails_where_a_line_was_changed(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = log / "worker-00.000001.jsonl"
    file.write_bytes(file.read_bytes().replace(b'"status":200', b'"status":201'))
    assert main(["audit", "verify", str(log)]) == exits.FAILED
    output = capsys.readouterr().out
    assert output.startswith("failure: worker-00.000002.jsonl:1: found prev ")
    assert "\nNOT VERIFIED: 7 records" in output


def test_a_directory_without_a_log_is_not_verified(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit", "verify", str(tmp_path)]) == exits.FAILED
    assert capsys.readouterr().out == f"not verified: no audit chain in {tmp_path}\n"
    assert main(["audit", "verify", str(tmp_path), "--json"]) == exits.FAILED
    assert json.loads(capsys.readouterr().out)["verified"] is False


@pytest.mark.parametrize("action", ["verify", "tail"])
def test_a_directory_that_is_not_there_is_unavailable(
    tmp_path: Path, action: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit", action, str(tmp_path / "absent")]) == exits.UNAVAILABLE
    assert "No such file" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["audit"],
        ["audit", "verify"],
        ["audit", "verify", "dir", "--expect", "worker-00=12"],
        ["audit", "verify", "dir", "-c", "file"],
        ["audit", "tail", "dir", "--effect", "maybe"],
    ],
)
def test_wrong_words_are_a_usage_error(words: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == exits.USAGE


CONFIG = """\
listeners:
  - {name: apps, plane: reverse, bind: 127.0.0.1:8080}
upstreams:
  - {name: h, provider: hubspot, url: https://api.hubapi.com, region: EU, operator: AWS, route: {prefix: /h}}
rules: rules/
state: sqlite:///state.db
audit: {dir: %s, durability: strict}
keyring: file:keyring
"""


def test_the_directory_may_come_from_the_configuration(
    log: Path, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path_factory.mktemp("config") / "hushgate.yaml"
    (file.parent / "rules").mkdir()
    file.write_text(CONFIG % log)
    assert main(["audit", "verify", "-c", str(file)]) == exits.OK
    assert main(["audit", "tail", "-c", str(file), "-n", "1", "--json"]) == exits.OK
    assert ids(capsys.readouterr().out.splitlines()[-1]) == ["d3"]


def test_a_configuration_that_is_not_there_is_a_config_error(tmp_path: Path) -> None:
    assert main(["audit", "verify", "-c", str(tmp_path / "absent.yaml")]) == exits.CONFIG


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], ["s", "t", "d1", "e1", "d2", "e2", "d3"]),
        (["-n", "3"], ["d2", "e2", "d3"]),
        (["-n", "0"], []),
        (["--tenant", "acme"], ["d1", "d2", "e2"]),
        (["--tenant", "acme", "--client", "desk", "-n", "1"], ["e2"]),
        (["--effect", "refuse"], ["d2"]),
        (["--decision", "d1"], ["d1"]),
        (["--decision", "none"], []),
    ],
)
def test_tail_merges_the_chains_by_time(
    log: Path, options: list[str], expected: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit", "tail", str(log), "--json", *options]) == exits.OK
    assert sorted(ids(output := capsys.readouterr().out)) == sorted(expected)
    assert ids(output)[2:] == expected[2:]


def test_tail_for_people(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["audit", "tail", str(log), "--decision", "d1"])
    assert capsys.readouterr().out == (
        "2026-01-01T00:00:01.000000Z read allow 200 acme/desk GET hubspot.contacts.get masked=3 rules=a,b "
        "to=192.0.2.1/IE/AWS us=214 id=d1\n"
    )
    main(["audit", "tail", str(log), "--decision", "s"])
    assert capsys.readouterr().out == "2026-01-01T00:00:00.000000Z start\n"


def test_tail_leaves_out_a_line_that_is_being_written(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (log / "worker-00.000002.jsonl").open("ab") as file:
        file.write(b'{"seq":4,"pre')
    assert main(["audit", "tail", str(log), "--json", "-n", "1"]) == exits.OK
    assert ids(capsys.readouterr().out) == ["d3"]


def test_tail_f_shows_what_is_appended_in_old_and_new_segments(
    log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    args = parser(["audit"]).parse_args(
        ["audit", "tail", str(log), "-f", "--json", "-n", "1", "--tenant", "acme"]
    )
    file = log / "worker-00.000003.jsonl"
    waits = 0

    def append(seconds: float) -> None:
        nonlocal waits
        waits += 1
        new = Record(phase="read", id=f"n{waits}", at=START + 10 + waits, tenant="acme")
        whole = Link(waits).line(ENCODE(new)) + b"\n"
        with file.open("ab") as out:
            if waits == 1:
                out.write(whole + b'{"seq"')
            elif waits == 2:
                out.write(Link(2).line(ENCODE(new))[6:] + b"\n")
        if waits == 3:
            write(
                log / "worker-02.000001.jsonl", [new, Record(phase="read", id="x", at=START, tenant="other")]
            )
        if waits == 4:
            file.write_bytes(b"")
        if waits == 5:
            write(file, [new])
        if waits == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        audit.tail_records(log, args, append)
    assert ids(capsys.readouterr().out) == ["e2", "n1", "n2", "n3", "n5"]


def test_a_log_that_is_no_log_is_unavailable_to_tail(tmp_path: Path) -> None:
    (tmp_path / "worker-00.000001.jsonl").write_bytes(b"secret\n")
    assert main(["audit", "tail", str(tmp_path)]) == exits.UNAVAILABLE
    assert main(["audit", "verify", str(tmp_path)]) == exits.FAILED
