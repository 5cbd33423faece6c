"""Country and ASN databases as they are published: real files, other providers' forms, damage, age."""

import json
import os
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.deployment import Geo
from gateway.errors import ConfigError, PayloadError
from gateway.model import Residency, Upstream
from gateway.residency.addresses import parse
from gateway.residency.callers import CallerCheck, Callers
from gateway.residency.database import DAMAGED, Database
from gateway.residency.evidence import NOTHING, Known
from gateway.residency.judge import UNKNOWN, Gate, ResidencyCheck, permit
from gateway.residency.locate import AddressTable, locate
from gateway.service.geo import mistakes, opened
from gateway.service.geodatabase import Reading
from tests.mmdb import database

ROOT = Path(__file__).parents[2]
MAXMIND = ROOT / "tests/vectors/mmdb"
CORPORA = Path(os.environ.get("HUSHGATE_CORPORA", ROOT.parent / "shared/corpora")) / "residency/MaxMind-DB"
COUNTRY, ASN = str(MAXMIND / "GeoLite2-Country-Test.mmdb"), str(MAXMIND / "GeoLite2-ASN-Test.mmdb")
BUILT = date(2026, 2, 4)
"""The day both were made."""
NOW = date(2026, 3, 1)
DAY = 86_400.0
UPSTREAM = Upstream(name="u", provider="p", url="https://api.example", region="FR", operator="OVH")


def settings(country: str | None = None, asn: str | None = None, days: float = 180) -> Geo:
    return Geo(False, None, country, asn, 30 * DAY, days * DAY)


def about(address: str, country: str | None = COUNTRY, asn: str | None = ASN) -> Known:
    (source,) = opened(settings(country, asn), NOW).sources
    parsed = parse(address)
    assert parsed is not None
    return source.about(parsed)


# ---- MaxMind's own files ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "known"),
    [
        ("2.125.160.217", Known(country="GB")),
        ("67.43.156.9", Known(country="BT")),
        ("1.0.0.7", Known(operator="Google", anycast=True)),
        ("::ffff:2.125.160.217", Known(country="GB")),
        ("64:ff9b::27d:a0d9", Known(country="GB")),  # NAT64 of the same
        ("2a02:d340::1", Known(country="FR")),
        ("2001:290::7", Known(country="KR")),
        ("2a02:d500::1", NOTHING),  # a record with a continent and no country
        ("9.9.9.9", NOTHING),  # no record
    ],
)
def test_what_maxmind_publishes_is_read(address: str, known: Known) -> None:
    assert about(address) == known


def test_a_place_of_a_database_is_evidence() -> None:
    table = AddressTable([], opened(settings(COUNTRY, ASN), NOW).sources)
    found = locate(table, "2.125.160.217", UPSTREAM, NOW)
    assert [(at.country, at.operator, at.evidence) for at in found] == [
        ("GB", "OVH", "database against declared"),
        ("FR", "OVH", "declared"),
    ]


def test_every_record_of_the_source_is_found() -> None:
    """MaxMind's own list of what is in the file."""
    if not CORPORA.is_dir():
        pytest.skip("MaxMind's source data is not here (HUSHGATE_CORPORA)")
    rows = json.loads((CORPORA / "source-data/GeoLite2-Country-Test.json").read_text())
    (source,) = opened(settings(COUNTRY), NOW).sources
    blocks = {cidr: record for row in rows for cidr, record in row.items()}
    assert len(blocks) > 100
    for cidr, record in blocks.items():
        parsed = parse(cidr.partition("/")[0])
        if parsed is not None and parsed.version == ip_address(cidr.partition("/")[0]).version:
            assert source.about(parsed).country == record.get("country", {}).get("iso_code", ""), cidr


# ---- other providers -------------------------------------------------------------------------------------


def written(path: Path, *rows: tuple[str, dict[str, object]], built: date = NOW, version: int = 6) -> str:
    moment = int(datetime(built.year, built.month, built.day, tzinfo=UTC).timestamp())
    path.write_bytes(database(rows, built=moment, version=version))
    return str(path)


@pytest.mark.parametrize(
    ("record", "known"),
    [
        ({"country_code": "GB"}, Known(country="GB")),  # ip-location-db
        ({"country": "DE", "country_name": "Germany", "continent": "EU"}, Known(country="DE")),  # IPinfo
        ({"country": {"iso_code": "SE", "geoname_id": 7}}, Known(country="SE")),  # DB-IP, as MaxMind
        ({"country_code": "EU"}, NOTHING),
        ({"country_code": "XX"}, NOTHING),
        ({"country": {}}, NOTHING),
        ({}, NOTHING),
    ],
)
def test_forms_of_other_providers(tmp_path: Path, record: dict[str, object], known: Known) -> None:
    file = written(tmp_path / "c.mmdb", ("5.135.0.0/16", record), ("2001:41d0::/32", record))
    assert about("5.135.1.1", file, None) == about("2001:41d0::1", file, None) == known
    assert about("5.136.1.1", file, None) == NOTHING


@pytest.mark.parametrize(
    "record", [{"autonomous_system_number": 16276}, {"asn": "AS16276", "name": "OVH SAS"}]
)
def test_systems_of_other_providers(tmp_path: Path, record: dict[str, object]) -> None:
    assert about("5.135.1.1", None, written(tmp_path / "a.mmdb", ("5.135.0.0/16", record))).operator == "OVH"


def test_a_database_of_ipv4_alone_says_nothing_of_ipv6(tmp_path: Path) -> None:
    file = written(tmp_path / "c.mmdb", ("5.135.0.0/16", {"country_code": "FR"}), version=4)
    assert about("5.135.1.1", file, None).country == about("::ffff:5.135.1.1", file, None).country == "FR"
    assert about("2001:41d0::1", file, None) == NOTHING


# ---- damage ----------------------------------------------------------------------------------------------

STAY = (ResidencyCheck("stay", "enforce", Residency(regions=("FR",))),)


def gate(source: Database) -> Gate:
    return permit(STAY, AddressTable([], (source,)), UPSTREAM, NOW)


def test_a_record_that_cannot_be_read_leaves_the_place_unknown() -> None:
    """What is declared does not stand in for it: nobody knows what the record said."""
    source = Database(Reading(str(MAXMIND / "GeoIP2-City-Test-Broken-Double-Format.mmdb"), NOW), None)
    assert source.about(ip_address("2001:220::1")) == DAMAGED
    table = AddressTable([], (source,))
    assert locate(table, "2001:220::1", UPSTREAM, NOW) == () == table.find(ip_address("2001:220::1"))
    assert gate(source).explain("2001:220::1").reason == UNKNOWN
    assert gate(source).explain("9.9.9.9").reason == "", "it says nothing of that, and France is declared"
    callers = Callers((CallerCheck("office", "enforce", ("EEA", "KR")),), table, NOW)
    assert callers.judge("2001:220::1").rules == ("office",)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("damaged") / "x.mmdb"


turned = st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), max_size=20)
ADDRESSES = tuple(map(ip_address, ("2.125.160.217", "1.128.0.1", "2a02:d340::1", "2001:290::7")))


@given(st.sampled_from((COUNTRY, ASN)), turned, turned, st.none() | st.integers(0, 1 << 20))
def test_whatever_is_in_a_file_is_known_or_damaged(
    place: Path,
    file: str,
    anywhere: list[tuple[int, int]],
    at_the_end: list[tuple[int, int]],
    cut: int | None,
) -> None:
    """Bytes turned, or a download cut off: a problem when it is opened, or damage in a lookup; never more."""
    raw = bytearray(Path(file).read_bytes())
    for at, byte in anywhere:
        raw[at % len(raw)] = byte
    for at, byte in at_the_end:  # where the file says what it is
        raw[-1 - at % 400] = byte
    place.write_bytes(raw if cut is None else raw[: cut % len(raw)])
    with suppress(PayloadError):
        source = Database(Reading(str(place), NOW), Reading(str(place), NOW))
        assert all(isinstance(source.about(address), Known) for address in ADDRESSES)


@pytest.mark.parametrize("raw", [b"", b"no database", b"\xab\xcd\xefMaxMind.com", None])
def test_what_is_none_is_a_mistake(tmp_path: Path, raw: bytes | None) -> None:
    path = tmp_path / "x.mmdb"
    if raw is not None:
        path.write_bytes(raw)
    with pytest.raises(ConfigError):
        opened(settings(str(path)), NOW)
    (problem,) = mistakes(settings(str(path)), NOW)
    assert problem.file == str(path) and "MMDB" in problem.expected


# ---- age -------------------------------------------------------------------------------------------------


def test_a_database_is_as_old_as_it_says() -> None:
    """In use, then told, then a mistake, and its addresses are then nowhere."""
    geo = settings(COUNTRY, days=90)
    for days, old, refused in ((0, 0, 0), (29, 0, 0), (30, 1, 0), (89, 1, 0), (90, 1, 1)):
        today = BUILT + timedelta(days)
        found = opened(geo, today)
        assert [file.age for file in found.files] == [days]
        assert (len(found.old(geo.warn)), len(found.old(geo.refuse))) == (old, refused)
        assert len(mistakes(geo, today)) == refused
        table = AddressTable([], found.sources)
        places = locate(table, "2a02:d340::1", UPSTREAM, today)
        assert [at.country for at in places] == ([] if refused else ["FR"])
        callers = Callers((CallerCheck("office", "enforce", ("FR",)),), table, today)
        assert callers.judge("2a02:d340::1").rules == (("office",) if refused else ())


def test_of_two_databases_the_older_counts(tmp_path: Path) -> None:
    young = written(tmp_path / "c.mmdb", ("5.135.0.0/16", {"country_code": "FR"}), built=NOW)
    (source,) = opened(settings(young, ASN), NOW).sources
    assert source.until == BUILT + timedelta(180)


def test_what_was_made_tomorrow_is_no_younger_than_today(tmp_path: Path) -> None:
    for days, fine in ((2, True), (3, False), (40_000, False)):
        file = written(tmp_path / f"{days}.mmdb", ("5.135.0.0/16", {}), built=NOW + timedelta(days))
        assert (mistakes(settings(file), NOW) == ()) is fine
