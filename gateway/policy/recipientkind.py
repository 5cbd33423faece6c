"""A tenant's sub-processors and the hosts of its own, as rule files write them. Pure."""

from typing import Final

from gateway.policy.narrowing import many
from gateway.policy.taxonomy import CATEGORY, OPERATOR_NAME, REGION, USE
from gateway.recipients import Destination, Processing, Said, Subprocessor
from gateway.strict.shapes import Key, MapOf, Table
from gateway.strict.words import DATE, DAYS, HOST_PATTERN, TEXT

_DAY: Final = 86_400

SAID: Final = Table(
    "decision",
    (
        Key("by", TEXT, "Who decided.", required=True),
        Key("date", DATE, "When.", required=True),
        Key("reason", TEXT, "Why."),
    ),
    Said,
    doc="An approval of a sub-processor, or an objection to it.",
)


def _subprocessor(
    operator: str,
    dpa: str,
    announced: str,
    objection_period: float,
    purposes: tuple[str, ...] = (),
    approved: Said | None = None,
    objected: Said | None = None,
) -> Subprocessor:
    return Subprocessor(
        operator=operator,
        dpa=dpa,
        announced=announced,
        purposes=purposes,
        objection_period=round(objection_period / _DAY),
        approved=approved,
        objected=objected,
    )


SUBPROCESSOR: Final = Table(
    "sub-processor",
    (
        Key("operator", OPERATOR_NAME, "Who runs the machines, as upstreams and networks name it.", True),
        Key("dpa", TEXT, "The contract it is bound by.", required=True),
        Key("announced", DATE, "When the tenant was told of it.", required=True),
        Key("objection_period", DAYS, "How long it waits for objections.", default="30 days"),
        Key("purposes", many(USE), "Only for these data uses."),
        Key("approved", SAID, "It may be used before the period has passed."),
        Key("objected", SAID, "It may not be used."),
    ),
    _subprocessor,
    doc="Somebody who may be given the tenant's data once its objection period has passed.",
)

PROCESSING: Final = Table(
    "processing",
    (
        Key("controller", TEXT, "On whose behalf: name and address."),
        Key("contact", TEXT, "Whom to ask: a data protection officer, say."),
        Key("subjects", many(TEXT), "Whose data it is: customers, voters, callers."),
        Key("retention", MapOf(CATEGORY, TEXT), "How long data of a category is kept, in words."),
        Key("measures", TEXT, "Where the technical and organisational measures are written down."),
    ),
    Processing,
    doc="What the record of processing (GDPR Art. 30) says that no traffic shows. Nothing of it is enforced.",
)

DESTINATION: Final = Table(
    "destination",
    (
        Key("host", HOST_PATTERN, "A host name, or `*.suffix`.", required=True),
        Key("region", REGION, "Where it is.", required=True),
        Key("operator", OPERATOR_NAME, "Who runs it.", required=True),
    ),
    Destination,
    doc="A host to which a provider may be told to send: by a callback, webhook, media or redirect URL.",
)
