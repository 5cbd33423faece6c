"""`hushgate geo`: lists are taken whole or not at all, their age is told, upstreams are found."""

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway import clock, keys
from gateway.cli.main import main
from gateway.config import load_config
from gateway.errors import ConfigError
from gateway.residency.published import dump, read
from gateway.service.geo import opened
from tests.world import RULES

LIST: dict[str, Any] = {
    "createDate": "2026-11-20-20-23-14",
    "prefixes": [
        {"ip_prefix": "35.180.0.0/16", "network_border_group": "eu-west-3"},
        {"ip_prefix": "52.95.150.0/24", "network_border_group": "eu-west-2"},
        {"ip_prefix": "3.5.140.0/22", "network_border_group": "eu-west-1"},
    ],
    "ipv6_prefixes": [],
}
CONFIG = """\
listeners: [{name: main, plane: reverse, bind: "127.0.0.1:0"}]
upstreams:
  - {name: paris, provider: twilio, url: "https://a.example", connect: [35.180.1.1],
     region: FR, operator: AWS, route: {prefix: /a}}
  - {name: astray, provider: twilio, url: "https://b.example", connect: [52.95.150.1],
     region: FR, operator: AWS, route: {prefix: /b}}
  - {name: dublin, provider: twilio, url: "https://api.dublin.twilio.com", connect: [9.9.9.9],
     region: IE, route: {prefix: /c}}
rules: rules
state: sqlite://state.db
audit: {dir: audit}
keyring: file:keyring
geo: {snapshot: false, published: lists}
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "acme.yaml").write_text(RULES)
    (tmp_path / "keyring").touch(mode=0o600)
    (tmp_path / "keyring").write_bytes(keys.generate())
    (tmp_path / "hushgate.yaml").write_text(CONFIG)
    return tmp_path


def geo(place: Path, *words: str) -> int:
    return main(["geo", words[0], "-c", str(place / "hushgate.yaml"), *words[1:]])


def publish(place: Path, blocks: int = 3, **members: object) -> str:
    text = json.dumps({**LIST, "prefixes": LIST["prefixes"][:blocks], **members})
    (place / "ip-ranges.json").write_text(text)
    return str(place / "ip-ranges.json")


def shown(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return rows


def test_lists_are_taken_whole_or_not_at_all(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert geo(place, "update", "--json", "--from", publish(place)) == 0
    assert [(row["operator"], row["blocks"], row["dated"]) for row in shown(capsys)] == [
        ("AWS", 3, "2026-11-20")
    ]
    kept = (place / "lists" / "aws.list").read_bytes()
    for source in (
        publish(place, createDate="2026-11-19-00-00-00"),
        publish(place, 1, createDate="2026-11-21-00-00-00"),
        publish(place, prefixes=[{"ip_prefix": "10.0.0.0/8", "network_border_group": "eu-west-3"}]),
        str(place / "nowhere.json"),
        "http://plain.example/ip-ranges.json",
        "https://127.0.0.1:1/ip-ranges.json",
    ):
        assert geo(place, "update", "--json", "--from", source) == 1
        assert [row["taken"] for row in shown(capsys)] == [False]
        assert (place / "lists" / "aws.list").read_bytes() == kept
    assert geo(place, "update", "--force", "--from", publish(place, 1)) == 0
    assert (place / "lists" / "aws.list").read_bytes() != kept


def test_upstreams_are_where_they_should_be_or_that_is_a_finding(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    geo(place, "update", "--from", publish(place))
    capsys.readouterr()
    assert geo(place, "find", "--json") == 1
    assert {row["upstream"]: (row["places"], row["finding"]) for row in shown(capsys)} == {
        "paris": (["FR AWS eu-west-3 (published)"], ""),
        "astray": (["GB AWS eu-west-2 (published)", "FR AWS (declared)"], "against what is declared"),
        "dublin": (["US - (pack)", "IE - (declared)"], "against what is declared"),
    }
    assert geo(place, "find", "--json", "35.180.1.1", "9.9.9.9") == 0
    assert [row["finding"] for row in shown(capsys)] == ["", "unknown"]


def test_age_is_told_and_in_the_end_a_mistake(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = str(place / "hushgate.yaml")
    text = json.dumps(LIST).encode()
    (place / "lists").mkdir()
    assert main(["check", config]) == 3, "a folder without a list is none"
    for days, state, code in ((1, "in use", 0), (30, "old", 0), (180, "refused", 1)):
        fetched = clock.today() - timedelta(days)
        (place / "lists" / "aws.list").write_bytes(dump(read("ip-ranges", text, fetched)))
        capsys.readouterr()
        assert geo(place, "show", "--json") == code
        assert shown(capsys)[0]["state"] == state
        assert main(["check", config]) == (3 if code else 0)
    (place / "lists" / "aws.list").write_bytes(b"x")
    assert main(["check", config]) == 3
    assert "aws.list" in capsys.readouterr().out


def test_a_database_that_is_none_does_not_start(place: Path) -> None:
    (place / "x.mmdb").write_bytes(b"no database")
    for line in ("geo: {country: x.mmdb}", "geo: {asn: nowhere.mmdb}"):
        text = CONFIG.replace("geo: {snapshot: false, published: lists}", line)
        (place / "hushgate.yaml").write_text(text)
        settings = load_config(place / "hushgate.yaml", os.environ).geo
        with pytest.raises(ConfigError):
            opened(settings, clock.today())


def test_nobody_warns_later_than_refuses(place: Path) -> None:
    (place / "hushgate.yaml").write_text(CONFIG.replace("lists}", "lists, warn: 9 days, refuse: 8 days}"))
    with pytest.raises(ConfigError):
        load_config(place / "hushgate.yaml", None)
