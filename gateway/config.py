"""`hushgate.yaml` -> Config. Reads the file, its secrets, and which packs and rule files are there."""

import re
import stat
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec

import gateway
from gateway import keys, stateschema, wireguard
from gateway.apischema import DraftApi, DraftWebhook, signing_key
from gateway.certificateschema import DraftCertificates
from gateway.configschema import BUILTIN, DOCUMENT, Draft
from gateway.contacts.redisaddress import PATHS, TERMS, Login, Shared
from gateway.credentialschema import DIRECT, Credential, DraftParent
from gateway.deployment import Api, Audit, Certificates, Config, Geo, Listener, Tls, Webhook
from gateway.errors import ConfigError, Problem
from gateway.inboundschema import DraftInbound, DraftSigning
from gateway.interceptionschema import WIREGUARD
from gateway.model import Upstream
from gateway.parent import Parent
from gateway.secret import Missing, Secret, resolve
from gateway.stateschema import DraftState
from gateway.strict.checks import scalars
from gateway.strict.document import Node, Scalar, read
from gateway.strict.report import Report, listed, nearest
from gateway.strict.shapes import Document
from gateway.upstreamschema import DraftUpstream
from gateway.webhooks.route import Route
from gateway.webhooks.signing import Signing

__all__ = ("Config", "builtin_packs", "load_config", "pack_folder", "read_bytes")

Secrets = dict[str, Secret]
Check = Callable[[Node, Report], None]

_REACHED: Final = ("upstreams[]", "inbound[].forward")
"""Whatever traffic is sent on to."""
_CREDENTIALS: Final = tuple(
    f"{of}.credential{key}"
    for of in (*_REACHED, *(f"{place}.proxy" for place in _REACHED), "proxy")
    for key in ("", ".bearer", ".value", ".basic.user", ".basic.password")
)
_CLIENTS: Final = tuple(f"{place}.client_certificate" for place in _REACHED)
_STANDARD: Final = "api.webhooks[].secret"
_SIGNING: Final = ("inbound[].verify.secret[]", "inbound[].sign.secret[]", _STANDARD)
_PASSPHRASES: Final = ("certificates.passphrase", *(f"{client}.passphrase" for client in _CLIENTS))
_PRIVATE: Final = {
    "keyring": "keyring",
    **dict.fromkeys(_PASSPHRASES, "passphrase"),
    **{f"{client}.key": "key" for client in _CLIENTS},
    **dict.fromkeys(_SIGNING, "secret"),
    "state.client_key": "key",
}
"""Files that only their owner may read, and what they hold."""
_TLS_FILES: Final = (
    *stateschema.FILES,
    *(f"{of}.tls.{key}" for of in ("listeners[]", "api") for key in ("cert", "key", "client_ca")),
    "api.webhooks[].ca",
    *(f"{place}.{key}" for place in _REACHED for key in ("ca", "proxy.ca")),
    *(f"{client}.{key}" for client in _CLIENTS for key in ("cert", "key")),
    "proxy.ca",
)
_PRINTABLE = re.compile(r"[!-~]([ -~]*[!-~])?")


def load_config(path: Path, environ: Mapping[str, str] | None) -> Config:
    """The deployment file. Raises ConfigError with every problem found.

    `environ` resolves `env:` references. None leaves every secret, and files that only the running machine
    has, alone: for checking a file elsewhere.
    """
    report = Report(str(path))
    root = read(read_bytes(path), report)
    base = path.resolve().parent
    secrets: Secrets = {}
    checks = [*DOCUMENT.checks, _folders(base), _extensions(base), _providers(base), _tenants(base)]
    if environ is not None:
        checks += [_resolver(environ, base, secrets), _tls_files(base), _authority(base), _wireguard(base)]
    draft = Document(DOCUMENT.root, tuple(checks)).take(root, report)
    return _finished(draft, path, base, secrets)


def read_bytes(path: Path) -> bytes:
    """A file's bytes. Raises ConfigError."""
    try:
        return path.read_bytes()
    except OSError as error:
        found = f"a file that cannot be read ({error.strerror})"
        raise ConfigError((Problem(str(path), 1, 1, found, "a readable file"),)) from None


def builtin_packs() -> Path:
    """The folder of the packs that come with the gateway: inside a wheel, or beside the sources."""
    package = Path(gateway.__file__).parent
    inside = package / "builtin" / "plugins"
    return inside if inside.is_dir() else package.parent / "plugins"


def pack_folder(written: str, base: Path) -> Path:
    """The folder one entry of `plugins` stands for."""
    return builtin_packs() if written == BUILTIN else base / written


def _resolver(environ: Mapping[str, str], base: Path, secrets: Secrets) -> Check:
    def check(root: Node, report: Report) -> None:
        for node in scalars(root, ("keyring", *_CREDENTIALS, *_PASSPHRASES, *_SIGNING, *stateschema.SECRETS)):
            if re.match("(env|file):.", node.text):
                _resolve(node, resolve(node.text, environ, base), secrets, report)
        for path, what in _PRIVATE.items():
            for node in scalars(root, (path,)):
                _private(node, base, what, report)
        for node in scalars(root, _CREDENTIALS):
            if node.text in secrets and not _PRINTABLE.fullmatch(secrets[node.text]):
                report.add(node, "a secret with line ends or other unprintable signs", "one line of ASCII")

        for node in scalars(root, (_STANDARD,)):
            if node.text in secrets and signing_key(secrets[node.text]) is None:
                report.add(node, "another text", "`whsec_` and 24 to 64 bytes in base64 (Standard Webhooks)")

    return check


def _private(node: Scalar, base: Path, what: str, report: Report) -> None:
    """A file whose reader could name everybody behind a pseudonym, or pose as the gateway."""
    if node.text.startswith("env:"):
        return
    try:
        mode = stat.S_IMODE((base / node.text.removeprefix("file:")).stat().st_mode)
    except OSError:
        return  # its absence is a problem of its own
    if mode & keys.EXPOSED:
        report.add(node, f"a {what} of mode {mode:04o}", "mode 0600: nobody but its owner may read it")


def _resolve(node: Scalar, value: Secret | Missing, secrets: Secrets, report: Report) -> None:
    if isinstance(value, Missing):
        report.add(node, value.why, "a secret that is there")
    else:
        secrets[node.text] = value


def _folders(base: Path) -> Check:
    def check(root: Node, report: Report) -> None:
        for node in scalars(root, ("rules", "plugins[]")):
            folder = pack_folder(node.text, base)
            if not folder.is_dir():
                report.add(node, f"{node.text!r}, which is no folder", f"a folder (looked for {folder})")

    return check


def _extensions(base: Path) -> Check:
    """Files of plugins are there. Whether they may be run is looked at when they are."""

    def check(root: Node, report: Report) -> None:
        for node in scalars(root, ("extensions[].file",)):
            file = base / node.text
            if not file.is_file():
                report.add(node, f"{node.text!r}, which is no file", f"a file (looked for {file})")

    return check


def _tls_files(base: Path) -> Check:
    def check(root: Node, report: Report) -> None:
        for node in scalars(root, _TLS_FILES):
            file = base / node.text
            if not file.is_file():
                report.add(node, f"{node.text!r}, which is no file", f"a file (looked for {file})")

    return check


def _authority(base: Path) -> Check:
    def check(root: Node, report: Report) -> None:
        for node in scalars(root, ("certificates.dir",)):
            if not (base / node.text).is_dir():
                expected = f"a folder that `hushgate ca init` made (looked for {base / node.text})"
                report.add(node, f"{node.text!r}, which is no folder", expected)

    return check


def _providers(base: Path) -> Check:
    def check(root: Node, report: Report) -> None:
        folders = [node.text for node in scalars(root, ("plugins[]",))] or [BUILTIN]
        packs = sorted(
            pack.parent.name for folder in folders for pack in pack_folder(folder, base).glob("*/pack.yaml")
        )
        for place in ("upstreams", "inbound"):
            _known(root, report, f"{place}[].provider", packs, "provider with a pack")

    return check


_TENANTS: Final = ("upstreams[].tenants[]", "inbound[].tenant", "api.webhooks[].tenant")


def _tenants(base: Path) -> Check:
    def check(root: Node, report: Report) -> None:
        if any(scalars(root, _TENANTS)):
            folders = [base / node.text for node in scalars(root, ("rules",))]
            tenants = sorted(file.stem for folder in folders for file in folder.glob("*.yaml"))
            for path in _TENANTS:
                _known(root, report, path, tenants, "tenant with a rule file")

    return check


def _known(root: Node, report: Report, path: str, words: Iterable[str], what: str) -> None:
    known = list(words)
    for node in scalars(root, (path,)):
        if node.text not in known:
            expected = f"a {what}: {listed(known)}" if known else f"a {what} (there is none)"
            report.add(node, f"unknown {what.split()[0]} {node.text!r}", expected, nearest(node.text, known))


def _finished(draft: Draft, path: Path, base: Path, secrets: Secrets) -> Config:
    limits, head_limits, connections = draft.limits
    return Config(
        file=str(path),
        listeners=tuple(_listener(listener, base) for listener in draft.listeners),
        upstreams=tuple(_upstream(upstream, draft.proxy, base, secrets) for upstream in draft.upstreams),
        networks=draft.networks,
        rules=str(base / draft.rules),
        plugins=tuple(str(pack_folder(folder, base)) for folder in draft.plugins),
        state=f"sqlite://{base / draft.state.path}" if draft.state.path else "",
        shared=_shared(draft.state, base, secrets),
        folder=str(base / draft.state.folder) if draft.state.folder else "",
        bare=draft.state.bare,
        audit=Audit(str(base / draft.audit.dir), draft.audit.durability),
        keyring=secrets.get(draft.keyring, Secret()),
        admin=draft.admin,
        api=_api(draft.api, base, secrets) if draft.api else None,
        limits=limits,
        head_limits=head_limits,
        timeouts=draft.timeouts,
        max_connections=connections,
        log=draft.log,
        extensions=tuple(replace(e, file=str(base / e.file) if e.file else None) for e in draft.extensions),
        canary=draft.canary,
        certificates=_certificates(draft.certificates, base, secrets),
        keyring_file=_file(draft.keyring, base),
        parent=_parent(draft.proxy, base, secrets) if draft.proxy else None,
        inbound=tuple(_inbound(inbound, draft.proxy, base, secrets) for inbound in draft.inbound),
        unsubscribe=draft.unsubscribe,
        geo=_geo(draft.geo, base),
    )


def _geo(draft: Geo, base: Path) -> Geo:
    published, country, asn = (
        str(base / file) if file else None for file in (draft.published, draft.country, draft.asn)
    )
    return replace(draft, published=published, country=country, asn=asn)


def _shared(draft: DraftState, base: Path, secrets: Secrets) -> Shared | None:
    if draft.address is None:
        return None
    user, password, sentinel_user, sentinel_password = (
        secrets.get(reference) if reference else None for reference in draft.references
    )
    terms = {name: getattr(draft, name) for name in TERMS}
    terms |= {name: str(base / terms[name]) for name in PATHS if terms[name]}
    return Shared(draft.address, Login(user, password), Login(sentinel_user, sentinel_password), **terms)


def _file(reference: str, base: Path) -> str:
    scheme, _, path = reference.partition(":")
    return str(base / path) if scheme == "file" else ""


def _certificates(draft: DraftCertificates | None, base: Path, secrets: Secrets) -> Certificates | None:
    if draft is None:
        return None
    passphrase = secrets.get(draft.passphrase) if draft.passphrase else None
    return Certificates(str(base / draft.dir), draft.validity, draft.cache, passphrase)


def _wireguard(base: Path) -> Check:
    """Keys of tunnels are there, and are what they should be."""

    def check(root: Node, report: Report) -> None:
        for node in scalars(root, ("listeners[].mode",)):
            mode, _, file = node.text.partition(":")
            if mode == WIREGUARD:
                try:
                    wireguard.load(base / file)
                except ConfigError as error:
                    [problem] = error.problems
                    report.add(node, f"{file!r}, which has {problem.found}", problem.expected)

    return check


def _api(draft: DraftApi, base: Path, secrets: Secrets) -> Api:
    return Api(
        draft.bind,
        _tls(draft.tls, base) if draft.tls else None,
        tuple(_webhook(each, base, secrets) for each in draft.webhooks),
    )


def _webhook(draft: DraftWebhook, base: Path, secrets: Secrets) -> Webhook:
    ca = str(base / draft.ca) if draft.ca else None
    secret = secrets.get(draft.secret, Secret())
    return Webhook(draft.name, draft.tenant, draft.url, secret, draft.acts, ca)


def _tls(tls: Tls, base: Path) -> Tls:
    ca = str(base / tls.client_ca) if tls.client_ca else None
    return Tls(str(base / tls.cert), str(base / tls.key), ca)


def _listener(listener: Listener, base: Path) -> Listener:
    how = listener.interception
    if how is not None and how.mode.startswith(f"{WIREGUARD}:"):
        file = base / how.mode.partition(":")[2]
        listener = replace(listener, interception=replace(how, mode=f"{WIREGUARD}:{file}"))
    if not listener.tls:
        return listener
    return replace(listener, tls=_tls(listener.tls, base))


def _parent(draft: DraftParent, base: Path, secrets: Secrets) -> Parent:
    value = _header_value(draft.credential, secrets) if draft.credential and secrets else None
    return Parent(draft.host, draft.port, draft.tls, str(base / draft.ca) if draft.ca else None, value)


def _upstream(draft: DraftUpstream, default: DraftParent | None, base: Path, secrets: Secrets) -> Upstream:
    way = draft.proxy or (None if draft.local else default)
    ca = str(base / draft.upstream.ca) if draft.upstream.ca else None
    value = _header_value(draft.credential, secrets) if draft.credential and secrets else None
    shown = draft.client
    return msgspec.structs.replace(
        draft.upstream,
        ca=ca,
        credential=value,
        client_cert=str(base / shown.cert) if shown else None,
        client_key=str(base / shown.key) if shown else None,
        client_passphrase=secrets.get(shown.passphrase) if shown and shown.passphrase else None,
        parent=_parent(way, base, secrets) if way and way != DIRECT else None,
    )


def _inbound(draft: DraftInbound, default: DraftParent | None, base: Path, secrets: Secrets) -> Route:
    return Route(
        upstream=_upstream(draft.forward, default, base, secrets),
        tenant=draft.tenant,
        client=draft.client,
        webhooks=draft.webhooks,
        public_url=draft.public_url,
        verify=_signing(draft.verify, secrets),
        sign=_signing(draft.sign, secrets) if draft.sign else None,
        sign_url=(draft.sign.url if draft.sign else "") or draft.public_url,
        department=draft.department,
        line=draft.line,
    )


def _signing(draft: DraftSigning, secrets: Secrets) -> Signing:
    return replace(draft.signing, secrets=tuple(secrets.get(ref, Secret()) for ref in draft.references))


def _header_value(credential: Credential, secrets: Secrets) -> Secret:
    parts = [secrets[reference] for reference in credential.references]
    if credential.scheme == "basic":
        return Secret("Basic " + b64encode(":".join(parts).encode()).decode())
    return Secret("Bearer " + parts[0]) if credential.scheme == "bearer" else parts[0]
