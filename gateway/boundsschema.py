"""The tables of `hushgate.yaml` for what bounds a gateway: sizes, waits, its own log. Pure."""

from typing import Final, get_args

from gateway.codecs.program import Limits
from gateway.deployment import Level, Log, Timeouts
from gateway.http1.head import HeadLimits
from gateway.strict.kinds import Number, mapped, one_of
from gateway.strict.shapes import Key, Table
from gateway.strict.words import DURATION, SIZE

LIMITS: Final = Table(
    "limits",
    (
        Key("body", SIZE, "Largest body that is read, after decoding.", default="10MiB", to="max_body"),
        Key(
            "inflate_ratio",
            Number(1, 10_000),
            "Most decoded bytes per encoded byte, above the first 64 KiB.",
            default="100",
            to="max_inflate_ratio",
        ),
        Key("depth", Number(1, 1000), "Most nested containers in a body.", default="100", to="max_depth"),
        Key("fields", Number(1, 10**6), "Most form or query fields.", default="10000", to="max_fields"),
        Key(
            "record",
            SIZE,
            "Largest record of a body masked as it comes: a line, an event, a row, an item of an array.",
            default="1MiB",
            to="max_record",
        ),
        Key(
            "uploads",
            mapped({"refuse": False, "stream": True}),
            "Request bodies above `body` that are made of records: refused, or sent on as they are read. "
            "What is refused half way has reached the upstream in part.",
            default="refuse",
        ),
        Key("target", SIZE, "Longest request target.", default="8KiB", to="max_target"),
        Key("head", SIZE, "Largest head.", default="64KiB", to="max_head"),
        Key("headers", Number(1, 10_000), "Most header lines.", default="100", to="max_headers"),
        Key("connections", Number(1, 10**6), "Most connections of callers per worker.", default="4096"),
    ),
    lambda connections, max_target, max_head, max_headers, **body: (
        Limits(**body),
        HeadLimits(max_target, max_head, max_headers),
        connections,
    ),
    doc="Bounds; what is beyond them is refused.",
)
TIMEOUTS: Final = Table(
    "timeouts",
    (
        Key("head", DURATION, "For a request's head, from its first byte.", default="10s"),
        Key("body", DURATION, "For a body that is read before deciding.", default="60s"),
        Key("idle", DURATION, "For a caller's connection between requests.", default="75s"),
        Key("connect", DURATION, "For connecting to an upstream.", default="5s"),
        Key("answer", DURATION, "Until an upstream's answer begins.", default="60s"),
        Key("progress", DURATION, "Between two parts of a body that is passed through.", default="60s"),
        Key("pool", DURATION, "For an unused connection to an upstream.", default="30s"),
        Key("websocket", DURATION, "Between two frames of a WebSocket, pings included.", default="5m"),
        Key("drain", DURATION, "For exchanges under way when stopping.", default="30s"),
    ),
    Timeouts,
    doc="How long is waited.",
)
LOG: Final = Table(
    "log",
    (
        Key("level", one_of(*get_args(Level)), "Least important lines written.", default="info"),
        Key("format", one_of("json", "text"), "How lines are written.", default="json"),
    ),
    Log,
    doc="The gateway's own log (standard error); holds no personal data.",
)
