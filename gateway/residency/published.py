"""What operators of clouds publish of their own addresses, in the formats they use. Pure.

| operator              | format                                                                         |
|-----------------------|--------------------------------------------------------------------------------|
| AWS                   | ip-ranges.json, placed by network border group: a zone abroad is where it is    |
| Google                | cloud.json (with scopes) and goog.json (everything, without)                   |
| Azure                 | ServiceTags_Public_*.json: the tags `AzureCloud.<region>`                      |
| Oracle                | public_ip_ranges.json                                                          |
| any other, by file name | a geofeed (RFC 8805), such as DigitalOcean.csv, Linode.csv, or one of your own |

Every block must be written without host bits and be on the public Internet. A block twice with different
places has none; a region that `regions.json` does not know has none either, and is told.
"""

import csv
import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from importlib.resources import files
from ipaddress import ip_network
from typing import Annotated, Final

import msgspec

from gateway.errors import PayloadError
from gateway.model import Struct
from gateway.residency.addresses import is_routable
from gateway.residency.law import COUNTRIES
from gateway.residency.operators import operators
from gateway.residency.ranges import Ranges, Span, Version, ranges
from gateway.residency.tables import Layer, Source, layer, seal, table, unseal

MAGIC: Final = b"hushgate published 1\n"
EVERYWHERE: Final = "~"
"""The place of a block that is used in many places at once."""
LARGEST: Final = 64 << 20
"""bytes of a published list"""
_GLOBAL: Final = frozenset(("GLOBAL", "global"))


class Head(Struct):
    """Of a kept list: whose it is, when it was fetched, and the layer with its source."""

    operator: str
    fetched: date
    layer: Layer


@dataclass(frozen=True, slots=True)
class Published:
    """A list: whose, its table of places (`FR eu-west-3`, `~ GLOBAL`, ` x` for no country), where from.

    `unknown` are regions of the list that `regions.json` does not know; none when it was kept before.
    """

    operator: str
    table: Ranges
    source: Source
    fetched: date
    unknown: tuple[str, ...] = ()


class Theirs(Struct, forbid_unknown_fields=False):
    """A part of what an operator publishes, which may hold more."""


class Amazon4(Theirs):
    """A block of AWS."""

    ip_prefix: str
    network_border_group: str


class Amazon6(Theirs):
    """A block of AWS."""

    ipv6_prefix: str
    network_border_group: str


class Amazon(Theirs):
    """ip-ranges.json"""

    createDate: str  # noqa: N815 - as published
    prefixes: Annotated[list[Amazon4], msgspec.Meta(min_length=1)]
    ipv6_prefixes: list[Amazon6]


class GoogleBlock(Theirs):
    """A block of Google: one of both prefixes."""

    ipv4Prefix: str = ""  # noqa: N815 - as published
    ipv6Prefix: str = ""  # noqa: N815 - as published
    scope: str = "global"


class Google(Theirs):
    """cloud.json and goog.json"""

    creationTime: datetime  # noqa: N815 - as published
    prefixes: Annotated[list[GoogleBlock], msgspec.Meta(min_length=1)]


class Tag(Theirs):
    """What a service tag says."""

    region: str
    addressPrefixes: list[str]  # noqa: N815 - as published


class Tags(Theirs):
    """A service tag of Azure."""

    name: str
    properties: Tag


class Azure(Theirs):
    """ServiceTags_Public_*.json, which has a number instead of a date."""

    changeNumber: int  # noqa: N815 - as published
    values: Annotated[list[Tags], msgspec.Meta(min_length=1)]


class OracleBlock(Theirs):
    """A block of Oracle."""

    cidr: str


class OracleRegion(Theirs):
    """A region of Oracle's."""

    region: str
    cidrs: list[OracleBlock]


class Oracle(Theirs):
    """public_ip_ranges.json"""

    last_updated_timestamp: datetime
    regions: Annotated[list[OracleRegion], msgspec.Meta(min_length=1)]


class Regions(Struct):
    """The whole of `regions.json`: operator -> country -> regions."""

    checked: date
    source: str
    regions: dict[str, dict[str, tuple[str, ...]]]


Blocks = Iterable[tuple[str, str]]
"""(CIDR, region)"""
Read = tuple[str, date | None, Blocks]
"""Operator, date of the list, blocks."""


def _amazon(raw: bytes) -> Read:
    read = msgspec.json.decode(raw, type=Amazon)
    blocks = [(block.ip_prefix, block.network_border_group) for block in read.prefixes]
    blocks += [(block.ipv6_prefix, block.network_border_group) for block in read.ipv6_prefixes]
    return "AWS", date.fromisoformat(read.createDate[:10]), blocks


def _google(raw: bytes) -> Read:
    read = msgspec.json.decode(raw, type=Google)
    blocks = [(block.ipv4Prefix or block.ipv6Prefix, block.scope) for block in read.prefixes]
    return "Google", read.creationTime.date(), blocks


def _azure(raw: bytes) -> Read:
    read = msgspec.json.decode(raw, type=Azure)
    tags = [tag for tag in read.values if tag.name.startswith("AzureCloud")]
    # The tag without a region holds all blocks, those of regions too: the latter must count.
    placed = {cidr for tag in tags for cidr in tag.properties.addressPrefixes if tag.properties.region}
    blocks = [
        (cidr, tag.properties.region or "global")
        for tag in tags
        for cidr in tag.properties.addressPrefixes
        if tag.properties.region or cidr not in placed
    ]
    return "Azure", None, blocks


def _oracle(raw: bytes) -> Read:
    read = msgspec.json.decode(raw, type=Oracle)
    blocks = [(block.cidr, region.region) for region in read.regions for block in region.cidrs]
    return "Oracle", read.last_updated_timestamp.date(), blocks


FORMATS: Final[Mapping[str, Callable[[bytes], Read]]] = {
    "createDate": _amazon,
    "creationTime": _google,
    "changeNumber": _azure,
    "last_updated_timestamp": _oracle,
}
"""By a key that only this list has."""


def read(name: str, raw: bytes, fetched: date) -> Published:
    """A list in one of the formats; `name` is its file's, without folder and ending. Raises PayloadError."""
    if len(raw) > LARGEST:
        raise PayloadError("body_too_large", f"more than {LARGEST >> 20} MiB", name)
    try:
        operator, dated, blocks = _parsed(name, raw)
        spans, unknown = _spans(operator, blocks)
    except (ValueError, msgspec.MsgspecError, csv.Error) as error:
        what = str(error) if isinstance(error, msgspec.MsgspecError) else "not of its format"
        raise PayloadError("unparseable_body", what, name) from error
    if not any(spans.values()):
        raise PayloadError("unparseable_body", "no block at all", name)
    source = Source(
        name=name,
        licence="as published by the operator",
        attribution=operator,
        dated=min(dated or fetched, fetched),
        rows=sum(map(len, spans.values())),
        sha256=(hashlib.sha256(raw).hexdigest(),),
    )
    return Published(operator, ranges(spans), source, fetched, unknown)


def dump(published: Published) -> bytes:
    """The kept form of a list."""
    head = Head(
        operator=published.operator,
        fetched=published.fetched,
        layer=layer(published.table, published.source),
    )
    return seal(MAGIC, head, (published.table,))


def load(raw: bytes) -> Published:
    """A kept list. Raises PayloadError."""
    head, body = unseal(MAGIC, raw, Head)
    found, _ = table(head.layer, body)
    return Published(head.operator, found, head.layer.source, head.fetched)


def _parsed(name: str, raw: bytes) -> Read:
    if raw.lstrip()[:1] != b"{":
        return _geofeed(name, raw)
    keys = msgspec.json.decode(raw, type=dict[str, msgspec.Raw]).keys()
    found = [parse for key, parse in FORMATS.items() if key in keys]
    if len(found) != 1:
        raise PayloadError("unparseable_body", "none of the formats that are known", name)
    return found[0](raw)


def _geofeed(name: str, raw: bytes) -> Read:
    """RFC 8805: prefix, country, region, city, postal code; the file is named after the operator."""
    named = {each.name for each in operators().operators}
    operator = next((known for known in named if known.casefold() == name.casefold()), "")
    if not operator:
        expected = f"one named after an operator ({', '.join(sorted(named))})"
        raise PayloadError("unparseable_body", f"a geofeed by another name; expected {expected}", name)
    text = raw.decode("utf-8-sig").splitlines()
    lines = [line for line in text if line.strip() and line[:1] != "#"]
    blocks = [(row[0].strip(), row[1].strip().upper()) for row in csv.reader(lines) if len(row) > 1]
    if len(blocks) != len(lines):
        raise PayloadError("unparseable_body", "a line without a country", name)
    return operator, None, blocks


def _spans(operator: str, blocks: Blocks) -> tuple[dict[Version, list[Span]], tuple[str, ...]]:
    known = _countries(operator)
    places: dict[str, set[str]] = {}
    unknown: set[str] = set()
    for cidr, region in blocks:
        country = EVERYWHERE if region in _GLOBAL else known.get(region, "")
        if not country and region:
            unknown.add(region)
        places.setdefault(cidr, set()).add(country if region == country else f"{country} {region}".rstrip())
    spans: dict[Version, list[Span]] = {4: [], 6: []}
    for cidr, words in places.items():
        network = ip_network(cidr)
        if not is_routable(network[0]) or not is_routable(network[-1]):
            raise PayloadError("unparseable_body", f"{cidr} is not of the public Internet", operator)
        word = words.pop() if len(words) == 1 else " "
        spans[network.version].append((int(network[0]), int(network[-1]), word or " "))
    return spans, tuple(sorted(unknown))


def _countries(operator: str) -> Mapping[str, str]:
    """Region -> country. A geofeed names countries themselves."""
    regions = _known().regions.get(operator)
    if regions is None:
        return {country: country for country in COUNTRIES}
    return {region: country for country, names in regions.items() for region in names}


@cache
def _known() -> Regions:
    return msgspec.json.decode(files(__package__).joinpath("regions.json").read_bytes(), type=Regions)
