"""What an upstream answers about the made-up person: a value for every line of a data map. Pure."""

import gzip
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.canary.allowed import Allowed
from gateway.canary.bodies import BODIES, INSIDE, Body
from gateway.canary.seeds import Seeds
from gateway.canary.sower import Planted, Sower
from gateway.model import DataMap, Unread


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. `plain` is the body before any content coding."""

    variant: str
    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    plain: bytes
    planted: tuple[Planted, ...]


def answers(data: DataMap, allowed: Allowed, seeds: Seeds) -> Iterator[Answer]:
    """Every answer to try: JSON as text, numbers, compressed, and an error; others as the map has them."""
    json = BODIES["json"]
    yield _answer("json", json, data, Sower(allowed, seeds, INSIDE))
    yield _answer("error", json, data, Sower(allowed, seeds, INSIDE), status=422)
    if data.json:
        yield _answer("numbers", json, data, Sower(allowed, seeds, INSIDE, numbers=True))
        yield _answer("gzip", json, data, Sower(allowed, seeds, INSIDE))
    for variant, body in BODIES.items():
        if body is not json and getattr(data, body.carrier):
            yield _answer(variant, body, data, Sower(allowed, seeds, INSIDE))
    for each in data.opaque:
        yield unread(each, Sower(allowed, seeds, INSIDE))


def _answer(variant: str, made: Body, data: DataMap, sower: Sower, *, status: int = 200) -> Answer:
    plain = made.make(sower, data)
    headers = [(b"Content-Type", made.type.encode()), *_heads(sower, data)]
    body = plain
    if variant == "gzip":
        body = gzip.compress(plain, mtime=0)
        headers.append((b"Content-Encoding", b"gzip"))
    length = (b"Transfer-Encoding", b"chunked") if made.endless else (b"Content-Length", b"%d" % len(body))
    return Answer(variant, status, (*headers, length), body, plain, tuple(sower.planted))


def unread(each: Unread, sower: Sower) -> Answer:
    """Bytes that nobody reads, with a text in them: seen by who may see all of the category, or by nobody."""
    kind = each.types[0].replace("*", "x-canary")
    seed = sower.seeds.text()
    hidden = each.refuse or not sower.allowed.whole(each.category)
    body = b"\x00\xff" + seed.value.encode()
    headers = ((b"Content-Type", kind.encode()), (b"Content-Length", b"%d" % len(body)))
    return Answer("opaque", 200, headers, body, body, (Planted(seed, kind, each.category, hidden),))


def _heads(sower: Sower, data: DataMap) -> Iterator[tuple[bytes, bytes]]:
    """Header fields and cookies that the map names."""
    sower.numbers = False
    for line in data.headers:
        if line.path != "*" and line.format is None:
            yield line.path.encode(), sower.flat(line.path, [line.category]).encode()
    for line in data.cookies:
        if line.path != "*":
            value = sower.flat(line.path, [line.category])
            yield b"Set-Cookie", f"{line.path}={value}; Path=/".encode()
