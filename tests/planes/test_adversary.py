"""Whatever resolvers, providers, callers and the environment do: not one packet to a forbidden address."""

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest

from gateway.errors import HushgateError
from gateway.planes.intercept.outside import public
from gateway.strict.words import URL
from tests.plane import PATIENCE, Gate, answer, request
from tests.planes.regions import (
    ALLOWED,
    DISGUISED,
    FORBIDDEN,
    LINKS,
    STAY,
    Hostile,
    Regions,
    gate_to,
    mixed,
    regions,
)
from tests.planes.reverses import CONTACT, PASS
from tests.world import PACK

READ = request("GET", "/crm/contacts/7")
OK = answer(CONTACT)
CLOSING = answer(CONTACT, extra=b"Connection: close\r\n")
EVERYWHERE = (("127.0.0.0/8", "FR", "OVH"), ("::1/128", "FR", "OVH"))


@pytest.fixture
def place() -> Iterator[Regions]:
    """Allowed upstreams that answer on connections that stay open."""
    with regions(lambda _: OK) as made:
        yield made


def status(reply: bytes) -> int:
    return int(reply[9:12] or 0)


def ask(gate: Gate, wanted: bytes = READ) -> int:
    return status(gate.talk(wanted))


@pytest.mark.parametrize("address", FORBIDDEN)
def test_the_traps_catch_what_is_allowed_to_go_there(place: Regions, address: str) -> None:
    """What follows can fail: where every address is said to be in France, the gateway goes there."""
    with gate_to(place, networks=EVERYWHERE, connect=(address,)) as gate, gate.connect() as sock:
        sock.sendall(READ)
        deadline = time.monotonic() + PATIENCE
        while not place.caught():
            assert time.monotonic() < deadline, "nobody came"


# ---- resolvers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("reply", [OK, CLOSING], ids=["pooled", "closing"])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_resolver_that_answers_otherwise_every_time(reply: bytes, seed: int) -> None:
    """Many callers at once, on connections that are kept and on ones that are not."""
    with regions(lambda _: reply) as place, gate_to(place) as gate:
        hostile = Hostile(gate, mixed(seed))
        with ThreadPoolExecutor(8) as callers:
            seen = list(callers.map(lambda _: ask(gate), range(80)))
        assert place.caught() == set()
        assert set(seen) <= {200, 451}, "one address of the answer may be asked, or none"
        assert place.requests >= seen.count(200) > 0
        assert hostile.asked > 0


@pytest.mark.parametrize("address", [*FORBIDDEN, *DISGUISED])
def test_no_answer_leads_there(place: Regions, address: str) -> None:
    with gate_to(place) as gate:
        Hostile(gate, lambda _: [address])
        assert ask(gate) == 451
        assert place.caught() == set()


def test_a_name_is_asked_once_for_a_connection(place: Regions) -> None:
    """Rebinding: the answer that was judged is the one that is connected to."""
    with gate_to(place) as gate:
        hostile = Hostile(gate, lambda time: [ALLOWED[0]] if time == 1 else [FORBIDDEN[0]])
        assert [ask(gate), ask(gate)] == [200, 200], "the second on the connection of the first"
        assert hostile.asked == 1 and place.caught() == set()


def test_what_is_allowed_but_does_not_answer_leads_nowhere_else(place: Regions) -> None:
    nobody = "127.0.1.77"
    with gate_to(place) as gate:
        Hostile(gate, lambda _: [nobody, *FORBIDDEN, *DISGUISED])
        assert ask(gate) == 502
        assert place.caught() == set()


# ---- pools and retries --------------------------------------------------------------------------------


def test_a_connection_that_is_kept_is_judged_again_when_rules_change(place: Regions) -> None:
    """A pool with mixed addresses: after a reload only those are used that the new rules allow."""
    networks = (("127.0.1.1/32", "FR", "OVH"), ("127.0.1.2/32", "DE", "OVH"))
    with gate_to(place, rules=PASS, networks=networks) as gate:
        Hostile(gate, lambda time: [ALLOWED[time % 2]])
        with ThreadPoolExecutor(8) as callers:
            assert set(callers.map(lambda _: ask(gate), range(16))) == {200}
        Hostile(gate, lambda _: [ALLOWED[1]])
        german = place.upstreams[ALLOWED[1]]
        gate.replace(STAY)
        gate.loop.run(_turn())
        before = len(german.requests)
        seen = {ask(gate) for _ in range(16)}
        assert seen <= {200, 451}
        assert len(german.requests) == before, "not one request more on what is open"


async def _turn() -> None:
    """The loop has done what it was given before."""


def test_a_retry_goes_to_no_other_address() -> None:
    """A kept connection breaks under the second request, and the name leads elsewhere by now."""
    count = iter(range(1000))

    def reply(_: bytes) -> Iterator[bytes | float]:
        yield OK if next(count) == 0 else b""

    with regions(reply) as place, gate_to(place) as gate:
        Hostile(gate, lambda time: [ALLOWED[0]] if time == 1 else [*FORBIDDEN, *DISGUISED])
        assert ask(gate) == 200
        assert ask(gate) in (451, 502)
        assert place.caught() == set()


# ---- providers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [b"301 Moved", b"302 Found", b"303 See Other", b"307 T", b"308 P", b"305 U"])
@pytest.mark.parametrize("header", [b"Location", b"Refresh", b"Content-Location", b"Link", b"Alt-Svc"])
def test_redirects_are_not_followed(code: bytes, header: bytes) -> None:
    port = [0]

    def reply(_: bytes) -> bytes:
        led = b"http://127.0.2.1:%d/contacts/7" % port[0]
        value = {b"Refresh": b"0;url=" + led, b"Link": b"<" + led + b">; rel=next"}.get(header, led)
        return answer(b"{}", status=code, extra=b"%b: %b\r\n" % (header, value))

    with regions(reply) as place, gate_to(place) as gate:
        port[0] = place.port
        Hostile(gate, lambda _: [ALLOWED[0]])
        gate.talk(READ)
        assert place.requests == 1 and place.caught() == set()


# ---- callers ------------------------------------------------------------------------------------------

TARGETS = (
    "http://127.0.2.1:{port}/crm/contacts/7",
    "http://api.crm.test@127.0.2.1:{port}/crm/contacts/7",
    "http://127.0.2.1:{port}\\@api.crm.test/crm/contacts/7",
    "//127.0.2.1:{port}/crm/contacts/7",
    "/crm//127.0.2.1:{port}/contacts/7",
    "/crm/@127.0.2.1:{port}/contacts/7",
    "/crm/..//127.0.2.1:{port}/",
)
FIELDS = (
    "Host: 127.0.2.1:{port}",
    "X-Forwarded-Host: 127.0.2.1:{port}",
    "Forwarded: host=127.0.2.1:{port};proto=http",
    "X-Original-URL: http://127.0.2.1:{port}/",
    "X-HTTP-Host-Override: 127.0.2.1:{port}",
    "Proxy-Connection: keep-alive",
    "Upgrade: h2c",
    "Max-Forwards: 0",
)


@pytest.mark.parametrize("target", TARGETS)
def test_targets_lead_nowhere_else(place: Regions, target: str) -> None:
    with gate_to(place) as gate:
        Hostile(gate, lambda _: [ALLOWED[0]])
        gate.talk(request("GET", target.format(port=place.port)))
        gate.talk(request("CONNECT", f"127.0.2.1:{place.port}"))
        assert place.caught() == set()


@pytest.mark.parametrize("line", FIELDS)
def test_header_fields_lead_nowhere_else(place: Regions, line: str) -> None:
    with gate_to(place) as gate:
        Hostile(gate, lambda _: [ALLOWED[0]])
        gate.talk(request("GET", "/crm/contacts/7", extra=line.format(port=place.port) + "\r\n"))
        assert place.caught() == set()


BODIES = (
    {"email": "ana@example.com", "callback": "{url}"},
    {"email": "ana@example.com", "name": {"first": "{url}", "hooks": [{"deep": [{"url": "{url}"}]}]}},
    {"email": "ana@example.com", "media": [["{url}", {"redirect_uri": "{url}"}]], "next": "{url}"},
    {"email": "ana@example.com", "as_text": '{{"url": "{url}"}}', "in_query": "https://x.test/?to={url}"},
)
"""Callbacks that the provider could call."""


@pytest.mark.parametrize("body", BODIES)
def test_callbacks_in_bodies_are_not_called(place: Regions, body: object) -> None:
    """By the gateway itself, whether a rule speaks of them or not."""
    with gate_to(place) as gate:
        Hostile(gate, lambda _: [ALLOWED[0]])
        assert ask(gate, led(body, f"http://127.0.2.1:{place.port}/hook")) == 200
        assert place.caught() == set()


def led(body: object, url: str) -> bytes:
    """A request with URLs in its body."""
    text = json.dumps(body).replace("{url}", url).replace(quote("{url}"), quote(url))
    return request("POST", "/crm/contacts", text.encode(), extra="Content-Type: application/json\r\n")


HOOKS = (
    "http://127.0.2.1/hook",
    "http://[::1]/hook",
    "//127.0.2.1/",
    "http://2130706945/",
    "https://x.test/",
)
CALLED = PACK.replace(b"created: system.operations", b"created: {is: system.operations, holds: callback}")


@pytest.mark.parametrize("body", BODIES)
def test_a_provider_is_not_led_there_by_a_text(place: Regions, body: object) -> None:
    """Where a rule looks for URLs, at any depth and in texts within texts: the request is not sent."""
    with gate_to(place, rules=LINKS) as gate:
        Hostile(gate, lambda _: [ALLOWED[0]])
        assert ask(gate, led(body, "http://127.0.2.1/hook")) == 451
        assert ask(gate, led(body, "http://127.0.1.1/hook")) == (451 if "in_query" in str(body) else 200)
        assert place.requests == ("in_query" not in str(body)) and place.caught() == set()


@pytest.mark.parametrize("url", HOOKS)
def test_a_provider_is_not_led_there_by_a_callback(place: Regions, url: str) -> None:
    """Where a data map says what a field is, in every spelling."""
    with gate_to(place, pack=CALLED) as gate:
        Hostile(gate, lambda _: [ALLOWED[0]])
        assert ask(gate, led({"created": "{url}"}, url)) == 451
        assert ask(gate, led({"created": "{url}"}, "http://127.0.1.1/hook")) == 200
        assert place.requests == 1 and place.caught() == set()


# ---- spellings ----------------------------------------------------------------------------------------

SPELLINGS = (
    *("2130706945", "0x7f000201", "017700001001", "0177.0.2.1", "0x7f.0.0x2.1", "127.513", "127.0.513"),
    *(
        "127.0.2.1.",
        "127.000.002.001",
        "[::ffff:127.0.2.1]",
        "[::ffff:7f00:201]",
        "[0:0:0:0:0:ffff:7f00:201]",
    ),
    *("[::127.0.2.1]", "[::1]", "[0:0::1]", "[::1%lo]", "[64:ff9b::127.0.2.1]"),
    *("127。0。2。1", "１２７.0.2.1", "①②⑦.0.2.1", "127.0.2.1\u200b", "12\u00ad7.0.2.1"),
    *("api.crm.test@127.0.2.1", "127.0.2.1%00.crm.test", "127.0.2.1%2ecrm.test"),
    *("2130707201", "0177.0.3.1", "127.769", "127.0.3.1."),
    *("\u0430pi.crm.test", "api.crm.test.", "xn--pi-6kc.crm.test", "localhost", f"{'a' * 70}.test"),
)
"""Ways to write 127.0.2.1, ::1, and 127.0.3.1; names that look like others, and one DNS cannot hold."""
WRITABLE = ("[::1]", "xn--pi-6kc.crm.test", "localhost")
"""What a deployment file may say nevertheless: one spelling of its own, and a name that is its own."""


@pytest.mark.parametrize("host", SPELLINGS)
def test_hosts_lead_there_in_no_spelling(place: Regions, host: str) -> None:
    """As the URL of an upstream, past every check of the deployment file, with the system's resolver."""
    with gate_to(place, host) as gate:
        assert ask(gate) in (451, 502)
        assert place.caught() == set() and place.requests == 0


@pytest.mark.parametrize("host", [*SPELLINGS, "[::ffff:0x7f.0.2.1]", "[::ffff:127.0.3.1]", "127.0.2.1:0"])
def test_a_deployment_file_cannot_spell_them(host: str) -> None:
    written = f"https://{host}" if ":0" in host[-2:] else f"https://{host}:8443/base"
    assert (URL.convert(written) is not None) is (host in WRITABLE)


# ---- environment --------------------------------------------------------------------------------------


def test_proxies_of_the_environment_are_not_used(place: Regions, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "ftp_proxy", "socks_proxy"):
        monkeypatch.setenv(name, f"http://127.0.2.1:{place.port}")
        monkeypatch.setenv(name.upper(), f"http://127.0.2.1:{place.port}")
    monkeypatch.setenv("REQUEST_METHOD", "")
    with gate_to(place) as gate:
        Hostile(gate, lambda _: [ALLOWED[0]])
        assert ask(gate) == 200
        assert place.caught() == set() and place.requests == 1


# ---- reading ahead ------------------------------------------------------------------------------------


def test_requests_in_a_row_on_one_connection_are_each_judged(place: Regions) -> None:
    """Pipelined, while the name changes under them."""
    with gate_to(place) as gate:
        Hostile(gate, mixed(3))
        with gate.connect() as sock:
            sock.sendall(READ * 10)
            for _ in range(10):
                assert status(read_answer_of(sock)) in (200, 451)
        assert place.caught() == set()


def read_answer_of(sock: socket.socket) -> bytes:
    """The next answer and no more."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += sock.recv(1)
    head = data.lower()
    length = int(head.partition(b"content-length: ")[2].split(b"\r\n")[0])
    while length:
        more = sock.recv(length)
        data, length = data + more, length - len(more)
    return data


# ---- tunnels ------------------------------------------------------------------------------------------

INSIDE = (
    *("127.0.0.1", "10.0.0.1", "169.254.169.254", "168.63.129.16", "100.64.0.1", "0.0.0.0", "224.0.0.1"),
    *("::1", "fe80::1", "fe80::1%lo", "fd00:ec2::254", "::ffff:10.0.0.1", "::ffff:a9fe:a9fe", "::10.0.0.1"),
    *("64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:a9fe:a9fe::1", "2001:0:0:1::1", "fec0::1", "ff02::1"),
)
"""What a tunnel that is not looked into may not lead to, and how IPv6 wraps it."""


@pytest.mark.parametrize("address", INSIDE)
def test_tunnels_lead_only_outside(address: str) -> None:
    async def tunnelled() -> tuple[str, int]:
        async def resolve(*_: object, **__: object) -> list[object]:
            return [(0, 1, 6, "", ("8.8.8.8", 443)), (0, 1, 6, "", (address, 443))]

        asyncio.get_running_loop().getaddrinfo = resolve  # type: ignore[method-assign,assignment]
        return await public("files.crm.test", 443)

    with pytest.raises(HushgateError) as caught:
        asyncio.run(tunnelled())
    assert caught.value.reason == "host_not_allowed"


@pytest.mark.parametrize("name", ["a" * 70, "..", "a..b", "2130706433", "0x7f.1", "localhost"])
def test_names_that_are_none_lead_nowhere(name: str) -> None:
    with pytest.raises(HushgateError) as caught:
        asyncio.run(public(name, 443))
    assert caught.value.reason in ("host_not_allowed", "upstream_unreachable")
