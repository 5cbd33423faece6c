"""Explains a request against a deployment: its rules, its registry, the addresses its names lead to."""

import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from math import isfinite
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from gateway import clock
from gateway.audit.chain import Line, decode
from gateway.audit.walk import chains
from gateway.contacts.books import open_books
from gateway.contacts.model import Books, Standing
from gateway.deployment import Config
from gateway.errors import InternalError
from gateway.exchange.commands import Acquire, Command, Lookup
from gateway.exchange.exchange import Env, Exchange
from gateway.exchange.explain import Explanation, explain
from gateway.exchange.script import Script, play
from gateway.http1.head import parse_request_head, parse_response_head
from gateway.policy.identity import Identity, Peer
from gateway.policy.snapshot import Snapshot
from gateway.service import boot

_ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"


@dataclass(slots=True)
class _Live(Script):
    """A script whose registry and addresses are the real ones; only the upstream's answer is made up."""

    registry: Books | None = None
    seen: list[str] = field(default_factory=list)

    def answer_to(self, command: Command) -> Any:
        match command:
            case Lookup(tenant, pseudonyms) if self.registry is not None:
                self.commands.append(command)
                found = self.registry.standings(tenant, pseudonyms)
                self.seen += [describe(standing) for standing in found]
                return found
            case Acquire(upstream):
                self.addresses = upstream.connect or _resolve(upstream.url)
        return Script.answer_to(self, command)


def explain_request(config: Config, head: bytes, body: bytes, client: str | None) -> Explanation:
    """Play a request. `client` (`tenant/client`) asks as that client, whatever the request says."""
    snapshot = boot.load(config).snapshot()
    parsed = parse_request_head(head, config.head_limits)
    env = Env(snapshot, config.limits, lambda: 0.0, switches=True)
    exchange = Exchange(env, "explained", parsed, Peer("127.0.0.1"), clock.now())
    if client:
        exchange.facts.identity = _named(snapshot, client)
    registry = open_books(config.store)
    try:
        script = _Live(
            body=body,
            answer=parse_response_head(_ANSWER, parsed.method, config.head_limits),
            registry=registry,
        )
        play(exchange.run(), script)
    finally:
        registry.close()
    return explain(exchange, script, tuple(script.seen))


def describe(standing: Standing) -> str:
    """What the registry knows, in words; no identifier is in it."""
    parts = ["erased"] if standing.erased else []
    parts += [f"objects {_scope(o.channel, o.purpose)}" for o in standing.objections]
    if standing.restricted is not None:
        parts.append(f"restricted to {', '.join(filter(None, standing.restricted)) or 'no use at all'}")
    parts += [
        f"suppressed {_scope(s.channel, s.purpose)}{' from ' + s.sender if s.sender else ''}"
        for s in standing.suppressions
    ]
    parts += [
        f"consent {c.state} {_scope(c.channel, c.purpose)}"
        + (" with proof" if c.proven else "")
        + _until(c.until)
        for c in standing.consents
    ]
    if standing.customer is not None:
        parts.append(f"customer{_until(standing.customer)}")
    parts += [f"lives in {standing.zone}"] if standing.zone else []
    parts += ["linked to other identifiers"] if standing.linked else []
    return "; ".join(parts) or "nothing is known"


def _until(moment: float | None) -> str:
    if moment is None or not isfinite(moment):
        return ""
    return f" until {datetime.fromtimestamp(moment, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _scope(channel: str | None, purpose: str | None) -> str:
    return f"on {channel or 'every channel'} for {purpose or 'every purpose'}"


def explain_records(config: Config, identifier: str) -> tuple[list[str], list[dict[str, object]]]:
    """(text lines, JSON objects) of every record with this decision id, and of the rules it names."""
    lines: list[str] = []
    records: list[dict[str, object]] = []
    for line in _lines_of(config, identifier):
        members = _members(line)
        records.append(members)
        lines += [f"{name:14} {value}" for name, value in members.items()] + [""]
    if records:
        lines += _rules_in_force(config, records[-1])
    return lines, records


def _lines_of(config: Config, identifier: str) -> Iterator[Line]:
    """Records of a decision. Lines without its id are passed over undecoded: a log has millions."""
    wanted = identifier.encode()
    for path in chain.from_iterable(chains(Path(config.audit.dir)).values()):
        with path.open("rb") as file:
            for raw in file:
                if wanted in raw and raw.endswith(b"\n"):
                    line = decode(raw[:-1])
                    if line.record.id == identifier:
                        yield line


def _rules_in_force(config: Config, record: dict[str, object]) -> list[str]:
    entry = next((e for e in boot.load(config).rules.tenants() if e.tenant == record.get("tenant")), None)
    if entry is None:
        return ["the tenant has no rules any more"]
    if entry.version != record.get("policy"):
        return ["the rule file has changed since: its version then was the policy above"]
    named = record.get("rules", ())
    wanted = named if isinstance(named, Sequence) else ()
    return [
        f"{entry.policy().file}:{rule.line}: rule {rule.id}"
        for rule in entry.policy().rules
        if rule.id in wanted
    ]


def _members(line: Line) -> dict[str, object]:
    members: dict[str, object] = msgspec.to_builtins(line.record)
    return members


def _named(snapshot: Snapshot, client: str) -> Identity:
    tenant, _, name = client.partition("/")
    known = snapshot.tenants.get(tenant)
    found = next((c for c in known.clients if c.id == name), None) if known else None
    if found is None:
        raise InternalError("no such client; expected TENANT/CLIENT", "--client")
    return Identity(tenant, found)


def _resolve(url: str) -> tuple[str, ...]:
    parts = urlsplit(url)
    found = socket.getaddrinfo(parts.hostname, parts.port or 443, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(row[4][0]) for row in found))
