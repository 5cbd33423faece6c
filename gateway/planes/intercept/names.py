"""Names asked for within a tunnel (DNS over UDP): those of hosts that are intercepted, and nobody else's.

A tunnel takes everything in, so that questions arrive here too. Hints for HTTPS (RFC 9460) get an empty
answer: HTTP/3 and an encrypted SNI would lead past the gateway.
"""

import asyncio
import socket
import struct
from collections.abc import Callable, Generator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Final

from mitmproxy.dns import DNSMessage, ResourceRecord
from mitmproxy.net.dns import response_codes, types
from mitmproxy.proxy import commands, events, layer

PORT: Final = 53
TTL: Final = 30
"""seconds"""
LONGEST: Final = 512
"""bytes of a question (RFC 1035 section 4.2.1)"""
FAMILIES: Final = {types.A: socket.AF_INET, types.AAAA: socket.AF_INET6}


@dataclass
class Asked:
    """A question, and its answer once there is one; b"": none is given."""

    client: Any
    question: bytes
    answer: bytes = b""


@dataclass
class HushgateAskedHook(commands.StartHook):
    """A name is asked for: the add-on answers."""

    data: Asked


class Names(layer.Layer):
    """Answers every question of a client."""

    def _handle_event(self, event: events.Event) -> Generator[commands.Command, Any, None]:
        client = self.context.client
        if isinstance(event, events.DataReceived):
            asked = Asked(client, event.data)
            yield HushgateAskedHook(asked)
            if asked.answer:
                yield commands.SendData(client, asked.answer)


async def answer(question: bytes, known: Callable[[bytes], bool]) -> bytes:
    """The answer to a question, b"" to what is none. `known`: whether a name may be found out."""
    try:
        asked = DNSMessage.unpack(question[: LONGEST + 1])
    except (ValueError, IndexError, struct.error):
        return b""
    if not asked.query or asked.question is None or len(question) > LONGEST:
        return b""
    name = asked.question.name.rstrip(".").lower()
    if not known(name.encode("ascii", "replace")):
        return bytes(asked.fail(response_codes.REFUSED).packed)
    family = FAMILIES.get(asked.question.type)
    found = await _addresses(name, family) if family else []
    if found is None:
        return bytes(asked.fail(response_codes.SERVFAIL).packed)
    return bytes(asked.succeed([_record(asked.question.name, text) for text in found]).packed)


async def _addresses(name: str, family: int) -> list[str] | None:
    try:
        found = await _resolve(name, 443, family=family, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        return [] if error.errno in (socket.EAI_NODATA, socket.EAI_NONAME) else None
    except (OSError, UnicodeError):
        return None
    return list(dict.fromkeys(str(row[4][0]) for row in found))


async def _resolve(name: str, port: int, **options: int) -> list[Any]:
    return await asyncio.get_running_loop().getaddrinfo(name, port, **options)


def _record(name: str, text: str) -> ResourceRecord:
    address = ip_address(text)
    kind = types.A if address.version == 4 else types.AAAA
    return ResourceRecord(name, kind, 1, TTL, address.packed)
