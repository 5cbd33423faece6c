"""Lists that operators publish, in their formats; kept, and asked as evidence with an age."""

import json
from contextlib import suppress
from datetime import date
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import HushgateError, PayloadError
from gateway.model import Location, Residency, Upstream
from gateway.residency.database import Database
from gateway.residency.evidence import Estimate, Known, weighed
from gateway.residency.judge import UNKNOWN, ResidencyCheck, permit
from gateway.residency.lists import Lists
from gateway.residency.locate import AddressTable, locate
from gateway.residency.published import dump, load, read
from gateway.residency.snapshot import builtin

TODAY = date(2026, 11, 22)

AWS = json.dumps(
    {
        "syncToken": "1",
        "createDate": "2026-11-20-20-23-14",
        "prefixes": [
            {
                "ip_prefix": "52.95.150.0/24",
                "region": "eu-west-2",
                "service": "S3",
                "network_border_group": "eu-west-2",
            },
            {
                "ip_prefix": "35.180.0.0/16",
                "region": "eu-west-3",
                "service": "EC2",
                "network_border_group": "eu-west-3",
            },
            {
                "ip_prefix": "35.180.9.0/24",
                "region": "us-east-1",
                "service": "X",
                "network_border_group": "us-east-1-lim-1",
            },
            {
                "ip_prefix": "13.32.0.0/15",
                "region": "GLOBAL",
                "service": "CLOUDFRONT",
                "network_border_group": "GLOBAL",
            },
            {
                "ip_prefix": "3.4.12.4/32",
                "region": "zz-new-1",
                "service": "EC2",
                "network_border_group": "zz-new-1",
            },
            {
                "ip_prefix": "3.5.140.0/22",
                "region": "eu-west-1",
                "service": "S3",
                "network_border_group": "eu-west-1",
            },
            {
                "ip_prefix": "3.5.140.0/22",
                "region": "us-east-1",
                "service": "S3",
                "network_border_group": "us-east-1",
            },
        ],
        "ipv6_prefixes": [
            {
                "ipv6_prefix": "2a05:d012::/36",
                "region": "eu-west-3",
                "service": "EC2",
                "network_border_group": "eu-west-3",
            }
        ],
    }
)
CLOUD = json.dumps(
    {
        "syncToken": "1",
        "creationTime": "2026-11-19T19:16:28.780563",
        "prefixes": [
            {"ipv4Prefix": "34.163.0.0/16", "scope": "europe-west9"},
            {"ipv6Prefix": "2600:1900:8000::/44", "scope": "africa-south1"},
        ],
    }
)
GOOG = json.dumps(
    {
        "creationTime": "2026-11-19T19:16:28",
        "prefixes": [{"ipv4Prefix": "34.160.0.0/13"}, {"ipv4Prefix": "8.8.8.0/24"}],
    }
)
AZURE = json.dumps(
    {
        "changeNumber": 363,
        "cloud": "Public",
        "values": [
            {"name": "ActionGroup", "properties": {"region": "", "addressPrefixes": ["4.145.74.52/30"]}},
            {
                "name": "AzureCloud",
                "properties": {"region": "", "addressPrefixes": ["20.38.96.0/19", "13.107.6.0/24"]},
            },
            {
                "name": "AzureCloud.westeurope",
                "properties": {"region": "westeurope", "addressPrefixes": ["20.38.96.0/19"]},
            },
        ],
    }
)
ORACLE = json.dumps(
    {
        "last_updated_timestamp": "2026-11-18T07:13:25.457838",
        "regions": [{"region": "eu-paris-1", "cidrs": [{"cidr": "155.248.132.0/22", "tags": ["OCI"]}]}],
    }
)
FEED = """\ufeff# RFC 8805

5.135.0.0/16,FR,FR-HDF,Roubaix,
51.77.64.0/20,de,,,
51.81.0.0/16,,,,
2001:41d0::/32,FR,,,
"""


@pytest.mark.parametrize(
    ("name", "text", "operator", "dated", "found"),
    [
        (
            *("ip-ranges", AWS, "AWS", date(2026, 11, 20)),
            {
                "35.180.1.1": "FR eu-west-3",
                "35.180.9.1": "PE us-east-1-lim-1",
                "13.32.0.1": "~ GLOBAL",
                "3.4.12.4": " zz-new-1",
                "3.5.141.1": " ",
                "2a05:d012::1": "FR eu-west-3",
                "8.8.8.8": "",
            },
        ),
        (
            "cloud",
            CLOUD,
            "Google",
            date(2026, 11, 19),
            {"34.163.1.1": "FR europe-west9", "2600:1900:8000::1": "ZA africa-south1"},
        ),
        ("goog", GOOG, "Google", date(2026, 11, 19), {"34.163.1.1": "~ global", "8.8.8.8": "~ global"}),
        (
            "ServiceTags",
            AZURE,
            "Azure",
            TODAY,
            {"20.38.96.1": "NL westeurope", "13.107.6.1": "~ global", "4.145.74.53": ""},
        ),
        ("public_ip_ranges", ORACLE, "Oracle", date(2026, 11, 18), {"155.248.132.9": "FR eu-paris-1"}),
        (
            "ovh",
            FEED,
            "OVH",
            TODAY,
            {"5.135.1.1": "FR", "51.77.65.1": "DE", "51.81.1.1": " ", "2001:41d0::1": "FR"},
        ),
    ],
)
def test_lists_in_their_formats(
    name: str, text: str, operator: str, dated: date, found: dict[str, str]
) -> None:
    made = read(name, text.encode(), TODAY)
    kept = load(dump(made))
    assert (made.operator, made.source.dated) == (kept.operator, kept.source.dated) == (operator, dated)
    for address, word in found.items():
        assert made.table.find(ip_address(address)) == kept.table.find(ip_address(address)) == word


def test_regions_that_are_not_known_are_told() -> None:
    assert read("x", AWS.encode(), TODAY).unknown == ("zz-new-1",)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x", ""),
        ("x", "{}"),
        ("x", "[]"),
        ("x", '{"createDate": "2026-11-20", "prefixes": [], "ipv6_prefixes": []}'),
        ("x", AWS.replace("35.180.0.0/16", "35.180.0.1/16")),
        ("x", AWS.replace("35.180.0.0/16", "10.0.0.0/8")),
        ("x", AWS.replace("35.180.0.0/16", "0.0.0.0/0")),
        ("x", AWS.replace("2026-11-20", "yesterday..")),
        ("x", AWS.replace('"syncToken"', '"creationTime"')),
        ("x", CLOUD.replace("34.163.0.0/16", "")),
        ("nobody", FEED),
        ("ovh", "5.135.0.0/16\n"),
        ("ovh", "# nothing\n"),
        ("ovh", FEED.replace("5.135.0.0/16", "169.254.0.0/16")),
    ],
)
def test_a_list_that_is_not_whole_is_none(name: str, text: str) -> None:
    with pytest.raises(PayloadError):
        read(name, text.encode(), TODAY)


def test_a_kept_list_that_was_changed_is_none() -> None:
    raw = dump(read("x", AWS.encode(), TODAY))
    for damaged in (raw[:-1], raw.replace(b"AWS", b"OVH"), b"", b"x" + raw, raw[:40]):
        with pytest.raises(PayloadError):
            load(damaged)


@given(st.binary(max_size=200), st.sampled_from(("ovh", "x")))
def test_any_bytes_are_a_list_or_a_problem(raw: bytes, name: str) -> None:
    with suppress(HushgateError):
        read(name, raw, TODAY)
    with suppress(HushgateError):
        load(raw)


# ---- as evidence ----------------------------------------------------------------------------------------


def lists(*texts: tuple[str, str], days: float = 180) -> Lists:
    return Lists([read(name, text.encode(), TODAY) for name, text in texts], days)


def test_the_list_with_a_place_counts() -> None:
    for order in ((("goog", GOOG), ("cloud", CLOUD)), (("cloud", CLOUD), ("goog", GOOG))):
        known = lists(*order).about(ip_address("34.163.1.1"))
        assert known == Known(country="FR", operator="Google", region="europe-west9")


def test_of_what_is_used_everywhere_no_estimate_names_a_country() -> None:
    """CloudFront: the snapshot would say where Amazon registered the block."""
    sources = (lists(("x", AWS)), Estimate(builtin))
    assert weighed(sources, ip_address("13.32.0.1")) == Location(
        country="", operator="AWS", evidence="published"
    )
    at = weighed(sources, ip_address("35.180.1.1"))
    assert at == Location(country="FR", operator="AWS", evidence="published", region="eu-west-3")


class Says:
    """A database."""

    def __init__(self, record: object) -> None:
        self._record = record

    def get(self, address: object) -> object:
        return self._record


@pytest.mark.parametrize(
    ("country", "system", "known"),
    [
        (
            {"country": {"iso_code": "FR"}},
            {"autonomous_system_number": 16276},
            Known(country="FR", operator="OVH"),
        ),
        ({"country_code": "DE"}, {"asn": "AS24940"}, Known(country="DE", operator="Hetzner")),
        ({"country": "NL"}, {"asn": 13335}, Known(country="NL", operator="Cloudflare", anycast=True)),
        ({"country": {"iso_code": "EU"}}, {"asn": "ASx"}, Known()),
        ({"country": ["FR"]}, [16276], Known()),
        (None, None, Known()),
    ],
)
def test_databases_of_several_providers(country: object, system: object, known: Known) -> None:
    assert Database(Says(country), Says(system)).about(ip_address("5.135.1.1")) == known
    assert Database(None, None).about(ip_address("5.135.1.1")) == Known()


def test_what_is_too_old_leaves_the_place_unknown() -> None:
    """Neither a weaker source nor what is declared takes its place."""
    upstream = Upstream(name="u", provider="p", url="https://api.example", region="FR", operator="AWS")
    table = AddressTable([("35.180.77.0/24", "FR", "AWS")], (lists(("x", AWS), days=90), Estimate(builtin)))
    stay = (ResidencyCheck("stay", "enforce", Residency(regions=("FR",))),)
    young, old = date(2027, 2, 19), date(2027, 2, 20)
    assert permit(stay, table, upstream, young).explain("35.180.1.1").reason == ""
    assert permit(stay, table, upstream, old).explain("35.180.1.1").reason == UNKNOWN
    assert permit(stay, table, upstream, old).explain("35.180.77.1").reason == "", (
        "the network table is no list"
    )
    assert locate(table, "5.135.1.1", upstream, old)[0].evidence.startswith("snapshot"), (
        "the list is silent there"
    )


# ---- what a provider's hosts say -------------------------------------------------------------------------


def test_a_host_of_another_region_than_declared_counts_beside_it() -> None:
    """Twilio: api.dublin.twilio.com is processed in the United States, whatever was meant."""
    upstream = Upstream(
        name="t", provider="twilio", url="https://api.dublin.twilio.com", region="IE", operator="X"
    )
    host = Location(country="US", operator="", evidence="pack")
    table = AddressTable([("52.0.0.0/8", "IE", "X")], (), {"t": host})
    places = locate(table, "9.9.9.9", upstream, TODAY)
    assert [(at.country, at.operator, at.evidence) for at in places] == [
        ("US", "X", "pack against declared"),
        ("IE", "X", "declared"),
    ]
    assert [at.country for at in locate(table, "52.1.1.1", upstream, TODAY)] == ["IE"], "the address is known"
    same = AddressTable([], (), {"t": Location(country="EU", operator="", evidence="pack")})
    assert [at.evidence for at in locate(same, "9.9.9.9", upstream, TODAY)] == ["declared"]
