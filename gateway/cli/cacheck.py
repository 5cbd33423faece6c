"""`hushgate ca show` and `check`: what is in the gateway's folder, and whether it will do."""

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from gateway import clock
from gateway.ca import authority, rotation
from gateway.ca import root as roots
from gateway.ca.authority import Authority, Issuer
from gateway.ca.mint import mint
from gateway.ca.names import WILDCARD, Subtrees, chosen
from gateway.ca.profile import moment, span_of
from gateway.ca.trust import fingerprint
from gateway.cli import exits
from gateway.cli.ca import Action, Place
from gateway.cli.caissue import day, tell
from gateway.errors import HushgateError

SOON: Final = 14 * 86_400.0
"""Seconds before an end in which one is warned of it."""
LONG: Final = 365 * 86_400.0
"""The same for the root, whose successor has to reach every client first."""


def show(place: Place, args: argparse.Namespace) -> int:
    """Print the root, its intermediates and the list of revoked ones."""
    now = clock.now()
    held = authority.load(place.folder, place.passphrase)
    states = rotation.states(held, now)
    crl = authority.list_of(place.folder, held.root)
    root = {"sha256": fingerprint(held.root), "until": span_of(held.root).end}
    found = {
        "root": {**root, "subject": held.root.subject.rfc4514_string()},
        "intermediates": [_shown(issuer, states[issuer.name]) for issuer in held.issuers],
        "revoked": held.revoked,
        "crl": {"revoked": len(list(crl)), "until": _until(crl)} if crl is not None else None,
    }
    lines = [
        f"root  {held.root.subject.rfc4514_string()}, until {day(span_of(held.root).end)}",
        f"      sha256 {fingerprint(held.root)}",
    ]
    for issuer in held.issuers:
        lines.append(f"{issuer.name}  {states[issuer.name]}, until {day(issuer.span.end)}")
        lines.append(
            f"      next one due {day(rotation.due(issuer))}; for {', '.join(issuer.subtrees.names)}"
        )
    lines += [f"{name}  revoked" for name in held.revoked]
    lines.append(
        f"CRL   {len(list(crl))} revoked, until {day(_until(crl))}" if crl is not None else "CRL   none"
    )
    tell(args, found, lines)
    return exits.OK


def _shown(issuer: Issuer, state: str) -> dict[str, object]:
    return {
        "name": issuer.name,
        "serial": f"{issuer.certificate.serial_number:x}",
        "state": state,
        "from": issuer.span.start,
        "until": issuer.span.end,
        "due": rotation.due(issuer),
        "hosts": issuer.subtrees.names,
    }


def _until(crl: x509.CertificateRevocationList) -> float:
    end = crl.next_update_utc
    return end.timestamp() if end else 0.0


# ---- check ----------------------------------------


@dataclass
class Findings:
    """What a check has found; `minted` is milliseconds of the slowest certificate."""

    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    minted: float = 0.0


def check(place: Place, args: argparse.Namespace) -> int:
    """Whether the gateway can issue now and will be able to; a leaf is minted and verified for each host."""
    now = clock.now()
    held = authority.load(place.folder, place.passphrase)
    found = Findings()
    found.problems += _wanting(held, now)
    _root(place, held, now, found)
    _crl(place, held, now, found)
    if not found.problems:
        issuer = held.issuer(now)
        found.warnings += [f"{host} is outside the constraints" for host in _outside(place, issuer.subtrees)]
        hosts = args.host or [name.removeprefix(WILDCARD) for name in issuer.subtrees.names]
        _mint(held, issuer, hosts, now, found)
    lines = [f"problem: {text}" for text in found.problems] + [f"warning: {text}" for text in found.warnings]
    lines.append(f"minted and verified, slowest {found.minted:.2f} ms" if not found.problems else "not good")
    shown = {"problems": found.problems, "warnings": found.warnings, "minted_ms": round(found.minted, 3)}
    tell(args, {"ok": not found.problems, **shown}, lines)
    return exits.FAILED if found.problems else exits.OK


def _wanting(held: Authority, now: float) -> Iterator[str]:
    current = [issuer for issuer in held.issuers if issuer.span.holds(now)]
    if not current:
        yield "no intermediate is valid now: hushgate ca rotate"
    elif now >= rotation.due(current[0]):
        yield f"{current[0].name} ends {day(current[0].span.end)}: the next one is due (hushgate ca rotate)"


def _root(place: Place, held: Authority, now: float, found: Findings) -> None:
    end = span_of(held.root).end
    if end <= now:
        found.problems.append(f"the root ended {day(end)}")
    elif end - now < LONG:
        found.warnings.append(f"the root ends {day(end)}: clients need its successor before that")
    key = place.folder / "root" / roots.KEY
    if key.exists():
        found.warnings.append(f"the root's key is on this machine ({key}): take its folder offline")


def _crl(place: Place, held: Authority, now: float, found: Findings) -> None:
    crl = authority.list_of(place.folder, held.root)
    if crl is None:
        found.warnings.append("there is no CRL: hushgate ca revoke --root DIR writes one")
    elif _until(crl) <= now:
        found.problems.append(f"the CRL ended {day(_until(crl))}: hushgate ca revoke --root DIR renews it")
    elif _until(crl) - now < SOON:
        found.warnings.append(f"the CRL ends {day(_until(crl))}: hushgate ca revoke --root DIR renews it")


def _outside(place: Place, subtrees: Subtrees) -> list[str]:
    return [host for host in place.hosts if not subtrees.permits(host)]


def _mint(held: Authority, issuer: Issuer, hosts: list[str], now: float, found: Findings) -> None:
    """Mint for each host, and verify as a client would (path validation of RFC 5280 section 6)."""
    for host in hosts:
        before = clock.monotonic()
        try:
            leaf = mint(issuer, chosen(host, (), issuer.subtrees), now)
        except HushgateError as error:
            found.problems.append(f"{host}: {error.detail}")
            continue
        found.minted = max(found.minted, (clock.monotonic() - before) * 1000)
        name = x509.DNSName(leaf.names[0])
        builder = PolicyBuilder().store(Store([held.root])).time(moment(now).replace(tzinfo=None))
        try:
            builder.build_server_verifier(name).verify(leaf.certificate, [issuer.certificate])
        except VerificationError:
            found.problems.append(f"{host}: what was minted is not accepted")


ACTIONS: Final[Mapping[str, Action]] = {"show": show, "check": check}
