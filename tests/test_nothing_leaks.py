"""The promise itself: of random documents with seeded secrets, in every format, coding and chunking, no
secret and no obvious encoding of one is in any byte that comes out, and all else means what it meant.

HUSHGATE_EXAMPLES says how many documents are tried per format.
"""

import base64
import csv
import gzip
import io
import json
import os
import zlib
from collections.abc import Callable
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

import brotli
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.codecs.program import Limits, Streaming, Tally
from gateway.codecs.table import reader_for
from tests.secretdocs import (
    DOCUMENTS,
    PAIRS,
    PLAIN_NAMES,
    ROWS,
    SECRETS,
    SHOWN,
    Secret,
    hidden,
    matches,
    nothing_of,
    plain,
    secrets_in,
    seeded,
    shown_in,
)
from tests.world import KEYS, Answer, World

EXAMPLES = int(os.environ.get("HUSHGATE_EXAMPLES", "40"))
RULES = """
tenant: acme
instruction: {by: dpo@acme.example, ref: test, date: 2026-01-01}
country: FR
clients:
  - {id: desk, role: support, purposes: [essential.service.operations.support], key: "sha256:%s"}
views:
  support: {show: [user.name], mask: {user.contact.phone_number: hash}, hide_with: redact}
unmapped: redact
"""
FLAT = (
    "email: user.contact.email, phone: user.contact.phone_number, name: user.name, count: system.operations"
)
PACK = f"""
provider: crm
title: A CRM
hosts: [{{name: crm.example, region: FR, operator: OVH}}]
operations:
  - id: pages.fetch
    call: GET /pages/{{name}}
    request:
      path: {{name: user.contact.email}}
      query: {{email: user.contact.email, phone: user.contact.phone_number, name: user.name,
               page: system.operations}}
    response: {{json: {{next: {{is: system.operations, holds: link}}, page: system.operations}}}}
  - id: documents.fetch
    call: GET /document
    response:
      json: {{"**.email": user.contact.email, "**.phone": user.contact.phone_number, "**.name": user.name,
              "**.count": system.operations}}
      form: {{{FLAT}}}
      csv: {{{FLAT}}}
      multipart: {{{FLAT}}}
      xml: {{"**/email": user.contact.email, "**/phone": user.contact.phone_number, "**/name": user.name,
             "**/count": system.operations, "**/@email": user.contact.email, "**/@name": user.name}}
      text: user.content
""".encode()


@pytest.fixture(name="world", scope="module")
def _world() -> World:
    return World(rules=RULES % sha256(KEYS["support"]).hexdigest(), pack=PACK)


# ---- codings -----------------------------------------------------------------------------------------------

CODINGS: dict[str, tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]] = {
    "identity": (lambda b: b, lambda b: b),
    "gzip": (gzip.compress, gzip.decompress),
    "deflate": (zlib.compress, zlib.decompress),
    "br": (brotli.compress, brotli.decompress),
    "zstd": (
        lambda b: zstandard.ZstdCompressor().compress(b),
        lambda b: zstandard.ZstdDecompressor().decompressobj().decompress(b),
    ),
    "gzip, br": (
        lambda b: brotli.compress(gzip.compress(b)),
        lambda b: gzip.decompress(brotli.decompress(b)),
    ),
}


def through(world: World, kind: str, body: bytes, coding: str) -> bytes:
    """What the caller gets, decoded."""
    packed, unpack = CODINGS[coding][0](body), CODINGS[coding][1]
    headers = [(b"Content-Type", kind.encode())]
    if coding != "identity":
        headers.append((b"Content-Encoding", coding.encode()))
    played = world.ask(
        "GET",
        "/crm/document",
        headers={"Accept-Encoding": "gzip, br, zstd, deflate"},
        answer=Answer(200, tuple(headers), packed),
    )
    assert played.status == 200, played.body
    out = unpack(played.body) if played.body else b""
    in_pieces(world, played.exchange.facts.plan, kind, body, out)
    return out


def in_pieces(world: World, plan: Any, kind: str, body: bytes, whole: bytes) -> None:
    """A stream gives the same, however the body is cut: here into pieces of one, seven and all bytes."""
    carrier, codec = reader_for(kind.encode())
    if not isinstance(codec, Streaming):
        return
    program = plan.response.bodies[carrier]
    expected = codec.transform(body, program, Tally.of(program), Limits())
    assert expected == whole
    for size in (1, 7, max(1, len(body))):
        stream = codec.stream(program, Tally.of(program), Limits())
        out = [stream.feed(body[at : at + size]) for at in range(0, len(body), size)]
        assert b"".join([*out, stream.finish()]) == expected


def deep(test: Any) -> Any:
    """As many examples as wanted; the world is the same for all of them."""
    health = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    return settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=health)(test)


CODED = st.sampled_from(sorted(CODINGS))
ESCAPED = st.booleans()


# ---- formats -----------------------------------------------------------------------------------------------


@deep
@given(document=DOCUMENTS | st.lists(DOCUMENTS, max_size=4), coding=CODED, escaped=ESCAPED)
def test_json(world: World, document: Any, coding: str, escaped: bool) -> None:
    body = json.dumps(plain(document), ensure_ascii=escaped).encode()
    out = through(world, "application/json", body, coding)
    nothing_of(list(secrets_in(document)), set(shown_in(document)), out)
    assert matches(json.loads(out), hidden(document))


@deep
@given(records=st.lists(DOCUMENTS, max_size=4), coding=CODED, escaped=ESCAPED)
def test_ndjson(world: World, records: list[Any], coding: str, escaped: bool) -> None:
    body = b"".join(json.dumps(plain(each), ensure_ascii=escaped).encode() + b"\n" for each in records)
    out = through(world, "application/x-ndjson", body, coding)
    nothing_of(list(secrets_in(records)), set(shown_in(records)), out)
    assert matches([json.loads(line) for line in out.split(b"\n") if line], hidden(records))


@deep
@given(events=st.lists(DOCUMENTS, max_size=4), coding=CODED)
def test_events(world: World, events: list[Any], coding: str) -> None:
    body = b"".join(b"event: x\ndata: %b\n\n" % json.dumps(plain(each)).encode() for each in events)
    out = through(world, "text/event-stream", body, coding)
    nothing_of(list(secrets_in(events)), set(shown_in(events)), out)
    got = [json.loads(line[6:]) for line in out.decode().split("\n") if line.startswith("data: ")]
    assert matches(got, hidden(events))


@deep
@given(rows=ROWS, coding=CODED, delimiter=st.sampled_from(",;\t|"), quoting=st.sampled_from([0, 1]))
def test_rows(world: World, rows: list[Any], coding: str, delimiter: str, quoting: Any) -> None:
    sheet = io.StringIO()
    writer = csv.writer(sheet, delimiter=delimiter, quoting=quoting, lineterminator="\r\n")
    writer.writerow(PLAIN_NAMES)
    writer.writerows([cell.text for cell in row] for row in rows)
    out = through(world, "text/csv", sheet.getvalue().encode(), coding)
    documents = [dict(zip(PLAIN_NAMES, row, strict=True)) for row in rows]
    nothing_of(list(secrets_in(documents)), set(shown_in(documents)), out)
    got = [dict(row) for row in csv.DictReader(io.StringIO(out.decode(), newline=""), delimiter=delimiter)]
    assert matches(got, hidden(documents))


@deep
@given(pairs=PAIRS, coding=CODED)
def test_forms(world: World, pairs: list[tuple[str, Secret]], coding: str) -> None:
    body = urlencode([(name, secret.text) for name, secret in pairs]).encode()
    out = through(world, "application/x-www-form-urlencoded", body, coding)
    documents = [{name: secret} for name, secret in pairs]
    nothing_of(list(secrets_in(documents)), set(shown_in(documents)), out)
    got = [{name: value} for name, value in parse_qsl(out.decode(), keep_blank_values=True)]
    assert matches(got, hidden(documents))


@deep
@given(
    pairs=PAIRS, coding=CODED, attributes=st.dictionaries(st.sampled_from(("email", "name", "x")), SECRETS)
)
def test_xml(world: World, pairs: list[Any], coding: str, attributes: dict[str, Secret]) -> None:
    inside = "".join(f"<{name}>{escape(secret.text)}</{name}>" for name, secret in pairs)
    head = "".join(f" {name}={quoteattr(secret.text)}" for name, secret in attributes.items())
    out = through(world, "application/xml", f"<r{head}><a>{inside}</a></r>".encode(), coding)
    documents = [attributes, *({name: secret} for name, secret in pairs)]
    nothing_of(list(secrets_in(documents)), set(shown_in(documents)), out)
    root = ElementTree.fromstring(out)
    # white space around a masked text stays, being layout more often than not
    texts = [(each.tag, each.text or "") for each in root[0]]
    got = [dict(root.attrib), *({tag: text if tag in SHOWN else text.strip()} for tag, text in texts)]
    assert matches(got, hidden(documents))


@deep
@given(pairs=PAIRS, coding=CODED)
def test_parts(world: World, pairs: list[tuple[str, Secret]], coding: str) -> None:
    part = '--limit\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
    pairs = [(name, secret) for name, secret in dict(pairs).items()]
    body = "".join(part.format(name, secret.text) for name, secret in pairs)
    if not pairs:
        return
    out = through(world, "multipart/form-data; boundary=limit", (body + "--limit--\r\n").encode(), coding)
    documents = [{name: secret} for name, secret in pairs]
    nothing_of(list(secrets_in(documents)), set(shown_in(documents)), out)
    texts = [piece.split("\r\n\r\n", 1)[1][:-2] for piece in out.decode().split("--limit")[1:-1]]
    got = [{name: text} for (name, _), text in zip(pairs, texts, strict=True)]
    assert matches(got, hidden(documents))


@deep
@given(secret=SECRETS, coding=CODED)
def test_text(world: World, secret: Secret, coding: str) -> None:
    out = through(world, "text/plain; charset=utf-8", secret.text.encode(), coding)
    nothing_of([secret], set(), out)
    assert out == b"[redacted]"


# ---- links -------------------------------------------------------------------------------------------------

SPELT = st.sampled_from(
    (
        lambda text: quote(text, safe=""),
        lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
        lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    )
)
FRONTS = st.sampled_from(
    (
        "https://crm.example",
        "HTTP://crm.example:80",
        "//crm.example",
        "",
        "https://other.example",
        "https://a@crm.example",
    )
)
FIELDS = st.sampled_from(("Location", "Content-Location", "Link", "Refresh"))


@st.composite
def links(draw: Any) -> tuple[str, list[Secret], set[str]]:
    """A link with secrets in its path, its query and behind `#`; those in a name are shown."""
    secrets, shown = draw(st.lists(SECRETS, min_size=1, max_size=4)), set()
    path, query, fragment = "/pages/x", ["page=2"], ""
    for secret in secrets:
        place, text = (
            draw(st.sampled_from(("path", "email", "phone", "name", "other", "#"))),
            draw(SPELT)(secret.text),
        )
        if place == "path":
            path = f"/pages/{text}"
        elif place == "#":
            fragment = f"#{text}"
        else:
            query.append(f"{place}={text}")
            shown |= {secret.core} if place == "name" else set()
    return f"{draw(FRONTS)}{path}?{'&'.join(query)}{fragment}", secrets, shown


@deep
@given(link=links(), field=FIELDS, status=st.sampled_from((200, 201, 302, 404)), body=st.booleans())
def test_links(world: World, link: Any, field: str, status: int, body: bool) -> None:
    text, secrets, shown = link
    headers: tuple[tuple[bytes, bytes], ...] = ((b"Content-Type", b"application/json"),)
    if not body:
        titled = seeded(10**9 + 1, "", "")
        secrets = [*secrets, titled]
        link_field = f'<{text}>; rel="next"; title="{titled.core}"'
        held = {"Link": link_field, "Refresh": f"0; url={text}"}.get(field, text)
        headers += ((field.encode(), held.encode()),)
    document = {"next": text, "page": 1} if body else {"page": 1}
    played = world.ask("GET", "/crm/pages/x", answer=Answer(status, headers, json.dumps(document).encode()))
    assert played.status in (status, 502)
    nothing_of(secrets, shown, b"".join(played.script.released))
    assert b"other.example" not in b"".join(played.script.released)
