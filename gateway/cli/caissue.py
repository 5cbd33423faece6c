"""`hushgate ca` where something is signed: init, rotate, request, issue, install, revoke."""

import argparse
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from gateway import clock
from gateway.ca import authority, keystore, rotation, signer
from gateway.ca import root as roots
from gateway.ca.names import Subtrees
from gateway.ca.profile import span_of
from gateway.ca.trust import fingerprint
from gateway.cli import exits
from gateway.cli.ca import Action, Place
from gateway.errors import CertificateError, ConfigError, Problem


def day(seconds: float) -> str:
    """A moment as people read it, UTC, to the minute."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"


def tell(args: argparse.Namespace, found: Mapping[str, object], lines: list[str]) -> None:
    """Print the result as one JSON object, or as lines."""
    print(json.dumps(found) if args.json else "\n".join(lines))


def init(place: Place, args: argparse.Namespace) -> int:
    """Make a root, and an intermediate for the gateway."""
    now = clock.now()
    wanted = Subtrees.of(args.host or place.hosts)
    if not wanted.names:
        raise _wrong("--host", "no host", "the hosts to intercept (--host NAME, or -c hushgate.yaml)")
    if (place.folder / authority.ROOT).exists():
        raise FileExistsError(17, "exists", str(place.folder / authority.ROOT))
    keystore.folder(place.folder)
    root = roots.create(
        place.root,
        wanted,
        now,
        place.root_passphrase,
        key=_held(args.root_signer),
        crl_url=args.crl_url,
        days=args.root_days,
        constrained=args.constrain_root,
        organisation=args.organisation,
    )
    file = _next(place, args, root, wanted, now)
    certificate = root.parent.certificate
    lines = [
        f"root          {place.folder / authority.ROOT}, until {day(span_of(certificate).end)}",
        f"  sha256      {fingerprint(certificate)}",
        f"root's key    {place.root / roots.KEY}: take this folder offline, and keep a copy",
        f"intermediate  {file}, until {day(span_of(keystore.certificate(file)).end)}",
        f"  for         {', '.join(wanted.names)}",
        "next          hushgate ca trust --for all --out trust/",
    ]
    made = {"root": str(place.folder / authority.ROOT), "sha256": fingerprint(certificate)}
    tell(args, {**made, "root_key": str(place.root / roots.KEY), "intermediate": str(file)}, lines)
    return exits.OK


def rotate(place: Place, args: argparse.Namespace) -> int:
    """Make the next intermediate if it is due, and remove those that have ended."""
    now = clock.now()
    held = authority.load(place.folder, place.passphrase)
    newest = held.issuers[0] if held.issuers else None
    more = Subtrees.of(args.host)
    gone = rotation.prune(place.folder, now)
    lines = [f"removed       {name}, which had ended" for name in gone]
    if newest and more.within(newest.subtrees) and not args.force and now < rotation.due(newest):
        lines.append(f"not due until {day(rotation.due(newest))}; --force does it now")
        tell(args, {"rotated": False, "due": rotation.due(newest), "removed": gone}, lines)
        return exits.OK
    root = roots.open_root(place.root, place.root_passphrase)
    if not more.within(root.subtrees):
        root = roots.vouch(root, more)
    wanted = Subtrees.of([*(newest.subtrees if newest else root.subtrees).names, *more.names])
    file = _next(place, args, root, wanted, now)
    until = day(span_of(keystore.certificate(file)).end)
    lines += [f"intermediate  {file}, until {until}", "next          reload the gateway (SIGHUP)"]
    tell(args, {"rotated": True, "intermediate": str(file), "removed": gone}, lines)
    return exits.OK


def _next(place: Place, args: argparse.Namespace, root: roots.Root, wanted: Subtrees, now: float) -> Path:
    asked = rotation.request(place.folder, wanted, place.passphrase, _held(args.signer))
    try:
        _, issued = roots.issue(root, asked.csr, now, args.days)
        return rotation.install(place.folder, issued, root.parent.certificate)
    except (CertificateError, ConfigError):
        asked.key.unlink()  # a key without a certificate would look like a request under way
        raise


def request(place: Place, args: argparse.Namespace) -> int:
    """Make a key on the gateway, and a file to take to the root."""
    names = args.host or place.hosts or _present(place)
    if not names:
        raise _wrong("--host", "no host", "the hosts to intercept (--host NAME, or -c hushgate.yaml)")
    asked = rotation.request(place.folder, Subtrees.of(names), place.passphrase, _held(args.signer))
    keystore.create(args.out, keystore.encoded(asked.csr), 0o644)
    lines = [f"wrote {args.out}; beside the root: hushgate ca issue {args.out} --root DIR --out answer.pem"]
    tell(args, {"request": str(args.out), "name": asked.name, "key": str(asked.key)}, lines)
    return exits.OK


def _present(place: Place) -> tuple[str, ...]:
    if not (place.folder / authority.ROOT).exists():
        return ()
    issuers = authority.load(place.folder, place.passphrase).issuers
    return issuers[0].subtrees.names if issuers else ()


def issue(place: Place, args: argparse.Namespace) -> int:
    """Beside the root: sign what a gateway asks for."""
    root = roots.open_root(place.root, place.root_passphrase)
    try:
        asked = x509.load_pem_x509_csr(keystore.content(args.request))
    except ValueError:
        raise keystore.wrong(args.request, "no request", "what `hushgate ca request` wrote") from None
    if args.host:
        root = roots.vouch(root, Subtrees.of(args.host))
    _, issued = roots.issue(root, asked, clock.now(), args.days)
    answer = keystore.encoded(root.parent.certificate) + keystore.encoded(issued.certificate)
    keystore.create(args.out, answer + keystore.encoded(issued.crl), 0o644)
    until = span_of(issued.certificate).end
    lines = [f"wrote {args.out}, until {day(until)}; on the gateway: hushgate ca install {args.out}"]
    tell(args, {"answer": str(args.out), "until": until}, lines)
    return exits.OK


def install(place: Place, args: argparse.Namespace) -> int:
    """On the gateway: take a certificate and the CRL with it, or a CRL alone. A first one brings the root."""
    text = keystore.content(args.answer)
    crl = _crl(text, args.answer)
    given = _certificates(text)
    root = next((found for found in given if found.issuer == found.subject), None)
    below = next((found for found in given if found.issuer != found.subject), None)
    if below is None:
        rotation.publish(place.folder, crl)
        file = place.folder / authority.CRL
    else:
        file = rotation.install(place.folder, roots.Issued(below, crl), root)
    sha256 = fingerprint(authority.root_of(place.folder))
    lines = [f"installed {file}", f"of the root {sha256}: compare it with what the root's keepers say"]
    tell(args, {"installed": str(file), "root": sha256}, [*lines, "next: reload the gateway (SIGHUP)"])
    return exits.OK


def _certificates(text: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(text)
    except ValueError:
        return []


def _crl(text: bytes, file: Path) -> x509.CertificateRevocationList:
    begin = text.find(b"-----BEGIN X509 CRL-----")
    try:
        return x509.load_pem_x509_crl(text[max(begin, 0) :])
    except ValueError:
        raise keystore.wrong(
            file, "no answer of a root", "what `hushgate ca issue` or `revoke` wrote"
        ) from None


def revoke(place: Place, args: argparse.Namespace) -> int:
    """Beside the root: a new CRL, with one more intermediate on it if one is named."""
    now = clock.now()
    root = roots.open_root(place.root, place.root_passphrase)
    if args.name:
        _, crl = roots.revoke(root, args.name, now, args.reason)
    else:
        _, crl = roots.renew(root, now)
    file = args.out or place.folder / authority.CRL
    if args.out:
        keystore.replace(args.out, keystore.encoded(crl))
    else:
        rotation.publish(place.folder, crl)
    where = (
        f"; on the gateway: hushgate ca install {args.out}" if args.out else "; reload the gateway (SIGHUP)"
    )
    lines = [f"wrote {file}, {len(list(crl))} revoked{where}"]
    if args.name:
        lines.append("then give the gateway another intermediate: hushgate ca rotate")
    tell(args, {"crl": str(file), "revoked": len(list(crl))}, lines)
    return exits.OK


def _held(named: str | None) -> tuple[ec.EllipticCurvePrivateKey, bytes] | None:
    """A key that a signer plugin holds, and the line that names it."""
    if named is None:
        return None
    name, _, key = named.partition(":")
    line = f"hushgate-signer-v1:{name}:{key}\n".encode()
    if not keystore.LINE.fullmatch(line):
        raise _wrong("--signer", "another text", "NAME:KEY, a plugin and the name it knows the key by")
    return signer.remote(name, key), line


def _wrong(option: str, found: str, expected: str) -> ConfigError:
    return ConfigError((Problem(option, 1, 1, found, expected),))


ACTIONS: Final[Mapping[str, Action]] = {
    "init": init,
    "rotate": rotate,
    "request": request,
    "issue": issue,
    "install": install,
    "revoke": revoke,
}
