"""Published lists over HTTPS: fetched from a server that keeps its word, and from ones that do not."""

import json
import logging
import os
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
import trustme

from gateway import clock, keys
from gateway.cli.main import main
from gateway.config import load_config
from gateway.deployment import Geo
from gateway.model import Residency, Upstream
from gateway.residency.judge import UNKNOWN, ResidencyCheck, permit
from gateway.residency.locate import AddressTable
from gateway.residency.published import LARGEST, load
from gateway.service import boot, geofetch
from gateway.service.ageing import Ageing
from gateway.service.geo import mistakes, opened
from gateway.service.geofetch import Taken, update

LISTS = Path(__file__).parents[1] / "vectors/lists"
TODAY = date(2025, 7, 25)
DAY = 86_400.0

Page = Callable[[BaseHTTPRequestHandler], None]


class Site(ThreadingHTTPServer):
    """An HTTPS server on loopback; `pages` says what it does at a path."""

    daemon_threads = True

    def __init__(self, certificate: trustme.LeafCert) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        certificate.configure_cert(context)
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.pages: dict[str, Page] = {}
        self.thread = threading.Thread(target=self.serve_forever, daemon=True)
        self.thread.start()

    def url(self, path: str, host: str = "localhost") -> str:
        return f"https://{host}:{self.server_address[1]}{path}"

    def handle_error(self, *_: object) -> None:
        """Callers that go away are what is tested."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Site

    def do_GET(self) -> None:
        self.close_connection = True
        self.server.pages[self.path](self)

    def log_message(self, *_: object) -> None:
        pass


def raw(answer: bytes) -> Page:
    """An answer as it stands."""

    def page(to: BaseHTTPRequestHandler) -> None:
        to.wfile.write(answer)

    return page


def told(body: bytes, length: int | None = None) -> Page:
    """An answer that tells its length, or another."""
    length = len(body) if length is None else length
    return raw(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (length, body))


def led(to_where: str) -> Page:
    return raw(f"HTTP/1.1 302 Found\r\nLocation: {to_where}\r\nContent-Length: 0\r\n\r\n".encode())


def in_chunks(*parts: bytes, end: bytes = b"0\r\n\r\n") -> Page:
    made = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + end
    return raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + made)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def site(authority: trustme.CA) -> Iterator[Site]:
    made = Site(authority.issue_cert("localhost"))
    made.pages.update({f"/{file.name}": told(file.read_bytes()) for file in LISTS.glob("*.*")})
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture(autouse=True)
def trusted(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's authorities, for this test; and proxies of the environment that nobody serves."""
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")


def taken(site: Site, folder: Path, *names: str, today: date = TODAY) -> list[Taken]:
    return list(update([site.url(f"/{name}") for name in names], folder, today, force=False))


PUBLISHED = {
    "ip-ranges.json": ("AWS", date(2025, 7, 24), {"35.180.0.1": "FR", "3.4.12.4": "IE"}),
    "cloud.json": ("Google", date(2025, 7, 24), {"34.155.0.1": "FR", "34.1.208.1": ""}),
    "ServiceTags_Public_20250721.json": ("Azure", TODAY, {"4.175.0.1": "NL", "4.156.0.1": "US"}),
    "public_ip_ranges.json": ("Oracle", date(2025, 7, 21), {"89.168.32.1": "FR", "129.80.0.1": "US"}),
    "DigitalOcean.csv": ("DigitalOcean", TODAY, {"5.101.96.1": "NL", "2400:6180:0:d0::1": "SG"}),
    "Linode.csv": ("Linode", TODAY, {"2600:3c07::1": "FR", "2a01:7e01::1": "DE"}),
    "Scaleway.csv": ("Scaleway", TODAY, {"51.15.0.1": "", "2001:bc8::1": ""}),
    "OVH.csv": ("OVH", TODAY, {"51.77.64.1": "DE", "2001:41d0:303::1": "FR"}),
}
"""File -> operator, date, and where addresses are by it."""


def test_what_operators_publish_is_fetched_kept_and_asked(site: Site, tmp_path: Path) -> None:
    made = taken(site, tmp_path, *PUBLISHED)
    assert {each.name: each.why for each in made if each.why} == {}
    found = opened(Geo(False, str(tmp_path), None, None, 30 * DAY, 180 * DAY), TODAY)
    assert {file.operator for file in found.files} == {operator for operator, _, _ in PUBLISHED.values()}
    (source,) = found.sources
    for each, (operator, dated, places) in zip(made, PUBLISHED.values(), strict=True):
        assert each.published is not None
        assert (each.published.operator, each.published.source.dated) == (operator, dated)
        assert each.published.unknown == ()
        for address, country in places.items():
            assert source.about(ip_address(address)).country == country, address
    assert source.about(ip_address("51.15.0.1")).operator == "Scaleway", (
        "without a place, and still whose it is"
    )


def test_the_verb_fetches_from_where_operators_publish(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    places = tuple(site.url(f"/{name}") for name in ("ip-ranges.json", "cloud.json", "public_ip_ranges.json"))
    monkeypatch.setattr(geofetch, "LISTS", places)
    config(tmp_path)
    assert main(["geo", "update", "-c", str(tmp_path / "hushgate.yaml"), "--json"]) == 0
    rows: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    assert [(row["operator"], row["taken"]) for row in rows] == [
        ("AWS", True),
        ("Google", True),
        ("Oracle", True),
    ]
    assert main(["geo", "show", "-c", str(tmp_path / "hushgate.yaml"), "--json"]) == 0
    assert {row["state"] for row in json.loads(capsys.readouterr().out)} == {"in use", "off"}
    monkeypatch.setattr(geofetch, "LISTS", (*places, site.url("/gone")))
    site.pages["/gone"] = raw(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
    assert main(["geo", "update", "-c", str(tmp_path / "hushgate.yaml")]) == 1
    assert "404" in capsys.readouterr().out


def config(place: Path) -> Path:
    (place / "rules").mkdir()
    (place / "keyring").touch(mode=0o600)
    (place / "keyring").write_bytes(keys.generate())
    (place / "hushgate.yaml").write_text(CONFIG)
    return place / "hushgate.yaml"


CONFIG = """\
listeners: [{name: main, plane: reverse, bind: "127.0.0.1:0"}]
upstreams: [{name: a, provider: twilio, url: "https://a.example", region: FR, route: {prefix: /a}}]
rules: rules
state: sqlite://state.db
audit: {dir: audit}
keyring: file:keyring
geo: {snapshot: false, published: lists}
"""


def test_redirects_lead_on_within_https(site: Site, tmp_path: Path) -> None:
    site.pages |= {
        "/moved/": led("../ip-ranges.json"),
        "/once": led("/moved/"),
        "/here?x=1": led("cloud.json"),
    }
    made = list(update([site.url("/once"), site.url("/here?x=1")], tmp_path, TODAY, force=False))
    assert [each.published and each.published.operator for each in made] == ["AWS", "Google"]


# ---- servers and networks that do not keep their word ---------------------------------------------------

LIST = (LISTS / "ip-ranges.json").read_bytes()
FEED = (LISTS / "DigitalOcean.csv").read_bytes()
HALF = FEED[: FEED.index(b"\n46.") + 1]
"""Whole lines: nothing in them says that there were more."""
BROKEN: dict[str, tuple[Page, str]] = {
    "cut off": (told(LIST[:900], len(LIST)), "broke off after 900 of"),
    "lines cut off": (told(HALF, len(FEED)), "broke off"),
    "chunks cut off": (in_chunks(HALF, end=b""), "does not speak HTTP"),
    "of no told end": (raw(b"HTTP/1.1 200 OK\r\n\r\n" + LIST), "how long"),
    "nothing": (told(b""), "geofeed by another name"),
    "half a list": (told(LIST[:-900]), ""),
    "another page": (told(b"<html>Sign in</html>"), "geofeed by another name"),
    "over-large, told": (told(b"{}", LARGEST + 1), "more than 64 MiB"),
    "over-large, in chunks": (in_chunks(*[bytes(1 << 20)] * 65), "more than 64 MiB"),
    "an error": (raw(b"HTTP/1.1 503 Away\r\nContent-Length: 0\r\n\r\n"), "answered 503"),
    "a part": (raw(b"HTTP/1.1 206 Part\r\nContent-Length: %d\r\n\r\n" % len(LIST) + LIST), "answered 206"),
    "no HTTP": (raw(b"\x15\x03\x01 hello\r\n\r\n"), "does not speak HTTP"),
    "a length of two kinds": (
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n" + LIST),
        "how long",
    ),
    "to plain http": (led("http://localhost/ip-ranges.json"), "away from https"),
    "to a file": (led("file:///etc/hosts"), "away from https"),
    "round and round": (led("/round"), "too many redirects"),
}
"""What is served -> what is said of it."""


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_not_whole_leaves_the_list_before(site: Site, tmp_path: Path, case: str) -> None:
    taken(site, tmp_path, "ip-ranges.json", "DigitalOcean.csv")
    before = {path.name: path.read_bytes() for path in tmp_path.glob("*.list")}
    page, why = BROKEN[case]
    name = "DigitalOcean.csv" if "lines" in case or "chunks" in case else "ip-ranges.json"
    site.pages |= {f"/broken/{name}": page, "/round": led("/round")}
    (each,) = list(update([site.url(f"/broken/{name}")], tmp_path, TODAY, force=True))
    assert each.published is None and why in each.why
    assert {path.name: path.read_bytes() for path in tmp_path.glob("*.list")} == before
    assert len(before) == 2 and list(tmp_path.glob("*.new")) == []


def test_a_server_that_never_answers(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(geofetch, "TIMEOUT", 0.3)
    end = threading.Event()
    site.pages["/stalled.json"] = lambda _: assert_(end.wait(30))
    (each,) = taken(site, tmp_path, "stalled.json")
    end.set()
    assert each.published is None and "timed out" in each.why


def assert_(_: object) -> None:
    """Whatever it is."""


def test_only_a_certificate_of_the_host_counts(tmp_path: Path, authority: trustme.CA) -> None:
    yesterday = datetime.fromtimestamp(clock.now(), UTC) - timedelta(days=1)
    wrong = {
        "of another name": authority.issue_cert("elsewhere.example"),
        "of another authority": trustme.CA().issue_cert("localhost"),
        "that has ended": authority.issue_cert("localhost", not_after=yesterday),
    }
    for which, certificate in wrong.items():
        made = Site(certificate)
        made.pages["/ip-ranges.json"] = told(LIST)
        (each,) = taken(made, tmp_path, "ip-ranges.json")
        made.shutdown()
        made.server_close()
        assert each.published is None and each.why.startswith("its certificate: "), which
    assert list(tmp_path.glob("*.list")) == []


# ---- in place of the one before -------------------------------------------------------------------------


def later(days: int) -> bytes:
    return LIST.replace(b"2025-07-24-20-23-14", f"2025-08-{days:02}-00-00-00".encode())


def test_a_reader_sees_one_list_or_the_other(site: Site, tmp_path: Path) -> None:
    """A gateway that reloads in the middle of an update."""
    taken(site, tmp_path, "ip-ranges.json")
    path, seen, done = tmp_path / "aws.list", set(), threading.Event()

    def read() -> None:
        while not done.is_set():
            seen.add(load(path.read_bytes()).source.dated)

    reader = threading.Thread(target=read)
    reader.start()
    for day in range(1, 11):
        site.pages["/next.json"] = told(later(day))
        (each,) = taken(site, tmp_path, "next.json", today=date(2025, 9, 1))
        assert each.why == ""
    done.set()
    reader.join()
    assert seen <= {date(2025, 7, 24), *(date(2025, 8, day) for day in range(1, 11))}


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_disk_that_fails_leaves_the_one_before(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    taken(site, tmp_path, "ip-ranges.json")
    before = (tmp_path / "aws.list").read_bytes()
    site.pages["/next.json"] = told(later(1))

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(*{"fsync": (os, "fsync"), "replace": (Path, "replace")}[call], fail)
        (each,) = taken(site, tmp_path, "next.json", today=date(2025, 9, 1))
    assert "No space left" in each.why
    assert (tmp_path / "aws.list").read_bytes() == before
    (each,) = taken(site, tmp_path, "next.json", today=date(2025, 9, 1))
    assert each.why == "" and (tmp_path / "aws.list").read_bytes() != before


# ---- and its age ----------------------------------------------------------------------------------------


def test_a_list_is_told_of_and_then_refused_as_it_ages(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """By the clock that is handed in: in use, in use and told of, no evidence at all."""
    (tmp_path / "lists").mkdir()
    settings = load_config(config(tmp_path), None)
    taken(site, tmp_path / "lists", "ip-ranges.json")
    geo = Geo(False, str(tmp_path / "lists"), None, None, 30 * DAY, 180 * DAY)
    stay = (ResidencyCheck("stay", "enforce", Residency(regions=("FR",))),)
    paris = Upstream(name="u", provider="p", url="https://api.example", region="FR", operator="AWS")
    for days, warned, refused in ((0, 0, 0), (29, 0, 0), (30, 1, 0), (179, 1, 0), (180, 1, 1), (400, 1, 1)):
        today = TODAY + timedelta(days)
        found = opened(geo, today)
        assert (len(found.old(geo.warn)), len(mistakes(geo, today))) == (warned, refused)
        gate = permit(stay, AddressTable([], found.sources), paris, today)
        assert gate.explain("35.180.1.1").reason == (UNKNOWN if refused else "")
        assert gate.explain("9.9.9.9").reason == "", "of which the list does not speak"
        caplog.clear()
        monkeypatch.setattr(clock, "today", lambda today=today: today)
        with caplog.at_level(logging.WARNING):
            boot.table_of(settings, ())
        assert [f"{days} days old" in line for line in caplog.messages] == [True] * warned


def test_a_gateway_that_runs_on_tells_of_it_every_day(
    site: Site, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    taken(site, tmp_path, "ip-ranges.json")
    geo = Geo(False, str(tmp_path), None, None, 30 * DAY, 180 * DAY)
    table = AddressTable([], opened(geo, TODAY).sources)
    ageing = Ageing(geo, lambda: table)
    for day in range(183):
        for _ in range(2):
            ageing.look(TODAY + timedelta(day))
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 150 + ["ERROR"] * 3
    assert "used for 150 days more" in caplog.messages[0] and "used for 1 days more" in caplog.messages[149]
    caplog.clear()
    Ageing(geo, lambda: AddressTable([])).look(date(2099, 1, 1))
    assert caplog.messages == [], "nothing ages where nothing is named"
