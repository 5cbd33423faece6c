"""The table of `hushgate.yaml` for what is known of addresses beside `networks`. Pure."""

from typing import Final

from gateway.deployment import Geo
from gateway.strict.kinds import mapped
from gateway.strict.shapes import Fault, Key, Table
from gateway.strict.words import DAYS, PATH


def _geo(
    snapshot: bool = True,
    published: str | None = None,
    country: str | None = None,
    asn: str | None = None,
    warn: float = 0.0,
    refuse: float = 0.0,
) -> Geo | Fault:
    if warn > refuse:
        return Fault("warn", "more days than `refuse`", "at most as many")
    return Geo(snapshot, published, country, asn, warn, refuse)


GEO: Final = Table(
    "geo",
    (
        Key(
            "snapshot",
            mapped({"true": True, "false": False}),
            "Whether the tables that come along are asked, last of all.",
            default="true",
        ),
        Key("published", PATH, "Folder of lists that `hushgate geo update` keeps; none when left out."),
        Key("country", PATH, "A country database (MMDB); none when left out."),
        Key("asn", PATH, "A database of autonomous systems (MMDB); none when left out."),
        Key("warn", DAYS, "Age of a list or database from which the log says so.", default="30 days"),
        Key(
            "refuse",
            DAYS,
            "Age from which it is not used: of what only it knew better, the place is then not known, and "
            "what needs a place is refused.",
            default="180 days",
        ),
    ),
    _geo,
    doc="What is known of addresses beside `networks`, for residency rules.",
)
