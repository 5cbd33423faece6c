"""Signatures of webhooks: checked as the provider makes them, made as an application checks them. Pure.

A scheme is a row of SCHEMES; every comparison takes the same time wherever two texts differ.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from gateway.errors import PayloadError

Scheme = Literal["twilio", "hubspot-v3", "hmac"]
Algorithm = Literal["sha1", "sha256", "sha512"]
Encoding = Literal["hex", "base64"]

MAX_AGE: Final = 300.0
"""seconds a timestamp may lie in the past or the future (HubSpot's own bound)"""


@dataclass(frozen=True, slots=True)
class Signing:
    """How a webhook is signed. Any of `secrets` is good for checking; the first one signs.

    What follows `secrets` is of `hmac` alone: the field that holds the signature, with `prefix` before it;
    what is signed, a text with {body}, {timestamp}, {id}, {method} and {url}; and the fields that hold the
    timestamp (seconds since the epoch) and the id.
    """

    scheme: Scheme
    secrets: tuple[str, ...] = field(repr=False)
    header: str = "X-Signature"
    algorithm: Algorithm = "sha256"
    encoding: Encoding = "hex"
    prefix: str = ""
    signed: str = "{body}"
    timestamp: str | None = None
    id: str | None = None
    max_age: float = MAX_AGE


@dataclass(frozen=True, slots=True)
class Call:
    """What is signed. `url` is the one the signer means, query included; `form` are a form body's pairs.

    `get` finds a header field by its lower-case name. `now` is in seconds since the epoch.
    """

    method: str
    url: str
    get: Callable[[bytes], bytes | None]
    body: bytes
    form: Sequence[tuple[str, str]] | None
    now: float


@dataclass(frozen=True, slots=True)
class Signed:
    """What a signature adds to a request: its URL as it was signed, and header fields."""

    url: str
    headers: tuple[tuple[bytes, bytes], ...]


def verify(signing: Signing, call: Call) -> None:
    """Raises PayloadError: webhook_unverified, webhook_expired."""
    if not SCHEMES[signing.scheme].check(signing, call):
        raise PayloadError("webhook_unverified", "")


def sign(signing: Signing, call: Call) -> Signed:
    """The signature of a call, by the first secret."""
    return SCHEMES[signing.scheme].make(signing, call)


def fields_of(signing: Signing) -> frozenset[bytes]:
    """Lower-case names of the fields that a signature of this scheme is in."""
    named = SCHEMES[signing.scheme].fields or (signing.header, signing.timestamp or "")
    return frozenset(name.lower().encode() for name in named if name)


# ---- Twilio ---------------------------------------------------------------------------------------------

_TWILIO: Final = "X-Twilio-Signature"
_SETTINGS: Final = "X-Twilio-Webhooks-Signature-Settings"
_HASHES: Final[Mapping[str, Algorithm]] = {"HMAC_SHA1": "sha1", "HMAC_SHA256": "sha256"}


def _twilio_check(signing: Signing, call: Call) -> bool:
    """Twilio's "Webhooks Security": the URL, then a form's parameters by name; of any other body its hash."""
    given = call.get(_TWILIO.lower().encode()) or b""
    algorithm = _HASHES.get(_algorithm(call.get(_SETTINGS.lower().encode())))
    if algorithm is None or (call.form is None and not _hash_fits(call)):
        return False
    urls = _ported(call.url)
    made = [_twilio(secret, algorithm, url, call.form) for secret in signing.secrets for url in urls]
    return _among(given, made)


def _twilio_make(signing: Signing, call: Call) -> Signed:
    url = call.url
    if call.form is None:
        url = _with_query(url, "bodySHA256", hashlib.sha256(call.body).hexdigest())
    return Signed(url, ((_TWILIO.encode(), _twilio(signing.secrets[0], "sha1", url, call.form)),))


def _twilio(secret: str, algorithm: Algorithm, url: str, form: Sequence[tuple[str, str]] | None) -> bytes:
    text = url + "".join(name + value for name, value in sorted(set(form or ())))
    return base64.b64encode(hmac.digest(secret.encode(), text.encode(), algorithm))


def _algorithm(settings: bytes | None) -> str:
    for part in (settings or b"").decode("latin-1").split(","):
        name, _, value = part.partition("=")
        if name.strip() == "algorithm" and value.strip():
            return value.strip().upper()
    return "HMAC_SHA1"


def _hash_fits(call: Call) -> bool:
    said = [value for name, value in parse_qsl(urlsplit(call.url).query) if name == "bodySHA256"]
    made = hashlib.sha256(call.body).hexdigest()
    return (not call.body and not said) or (len(said) == 1 and _among(said[0].encode(), [made.encode()]))


def _ported(url: str) -> tuple[str, str]:
    """The URL without its port and with it: which of them Twilio signs is not settled."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition(":")[0] if parts.port is not None else parts.netloc
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return urlunsplit(parts._replace(netloc=host)), urlunsplit(parts._replace(netloc=f"{host}:{port}"))


def _with_query(url: str, name: str, value: str) -> str:
    parts = urlsplit(url)
    kept = [piece for piece in parts.query.split("&") if piece and piece.partition("=")[0] != name]
    return urlunsplit(parts._replace(query="&".join([*kept, f"{name}={value}"])))


# ---- HubSpot --------------------------------------------------------------------------------------------

_HUBSPOT: Final = "X-HubSpot-Signature-v3"
_STAMP: Final = "X-HubSpot-Request-Timestamp"
_DECODED: Final = {f"%{ord(sign):02X}": sign for sign in ":/?@!$'()*,;"}
"""Escapes that HubSpot signs as what they stand for ("Validating requests", version 3)."""


def _hubspot_check(signing: Signing, call: Call) -> bool:
    stamp = call.get(_STAMP.lower().encode()) or b""
    given = call.get(_HUBSPOT.lower().encode()) or b""
    urls = {call.url, _unescaped(call.url)}
    made = [_hubspot(secret, call, url, stamp) for secret in signing.secrets for url in urls]
    if not _among(given, made):
        return False
    _fresh(stamp, 1000.0, call.now, signing.max_age)
    return True


def _hubspot_make(signing: Signing, call: Call) -> Signed:
    stamp = b"%d" % int(call.now * 1000)
    made = _hubspot(signing.secrets[0], call, call.url, stamp)
    return Signed(call.url, ((_HUBSPOT.encode(), made), (_STAMP.encode(), stamp)))


def _hubspot(secret: str, call: Call, url: str, stamp: bytes) -> bytes:
    text = call.method.encode() + url.encode() + call.body + stamp
    return base64.b64encode(hmac.digest(secret.encode(), text, "sha256"))


def _unescaped(url: str) -> str:
    for escape, plain in _DECODED.items():
        url = url.replace(escape, plain).replace(escape.lower(), plain)
    return url


# ---- any HMAC -------------------------------------------------------------------------------------------


def _hmac_check(signing: Signing, call: Call) -> bool:
    given = (call.get(signing.header.lower().encode()) or b"").strip()
    prefix = signing.prefix.encode()
    stamp = call.get(signing.timestamp.lower().encode()) if signing.timestamp else b""
    named = call.get(signing.id.lower().encode()) if signing.id else b""
    if not given.startswith(prefix) or stamp is None or named is None:
        return False
    made = [_hmac(signing, secret, call, stamp, named) for secret in signing.secrets]
    # Standard Webhooks lists the signatures by several keys, parted by spaces.
    if not any(_among(each.removeprefix(prefix), made) for each in given.split(b" ")):
        return False
    if signing.timestamp:
        _fresh(stamp, 1.0, call.now, signing.max_age)
    return True


def _hmac_make(signing: Signing, call: Call) -> Signed:
    stamp = b"%d" % int(call.now) if signing.timestamp else b""
    named = (call.get(signing.id.lower().encode()) or b"") if signing.id else b""
    made = signing.prefix.encode() + _hmac(signing, signing.secrets[0], call, stamp, named)
    headers = [(signing.header.encode(), made)]
    if signing.timestamp:
        headers.append((signing.timestamp.encode(), stamp))
    return Signed(call.url, tuple(headers))


def _hmac(signing: Signing, secret: str, call: Call, stamp: bytes, named: bytes) -> bytes:
    words = {"timestamp": stamp, "id": named, "method": call.method.encode(), "url": call.url.encode()}
    before, _, after = signing.signed.partition("{body}")
    # What stands for the body is put in last and once: a body may hold the other words.
    text = _filled(before, words) + call.body + _filled(after, words)
    made = hmac.digest(secret.encode(), text, signing.algorithm)
    return base64.b64encode(made) if signing.encoding == "base64" else binascii.hexlify(made)


def _filled(text: str, words: Mapping[str, bytes]) -> bytes:
    out = text.encode()
    for name, value in words.items():
        out = out.replace(b"{%b}" % name.encode(), value)
    return out


# ---- what all share -------------------------------------------------------------------------------------


def _among(given: bytes, made: Sequence[bytes]) -> bool:
    """Whether a text is one of these; every one is compared, whole."""
    found = False
    for each in made:
        found |= hmac.compare_digest(given, each)
    return found


def _fresh(stamp: bytes, per_second: float, now: float, max_age: float) -> None:
    """Raises PayloadError for a time that is no number, or too far from now."""
    if not (stamp.isdigit() and len(stamp) <= 16) or abs(now - int(stamp) / per_second) > max_age:
        raise PayloadError("webhook_expired", "")


@dataclass(frozen=True, slots=True)
class _Row:
    check: Callable[[Signing, Call], bool]
    make: Callable[[Signing, Call], Signed]
    fields: tuple[str, ...] = ()


SCHEMES: Final[Mapping[Scheme, _Row]] = {
    "twilio": _Row(_twilio_check, _twilio_make, (_TWILIO, _SETTINGS)),
    "hubspot-v3": _Row(
        _hubspot_check,
        _hubspot_make,
        (_HUBSPOT, _STAMP, "X-HubSpot-Signature", "X-HubSpot-Signature-Version"),
    ),
    "hmac": _Row(_hmac_check, _hmac_make),
}


def based(call: Call, url: str) -> Call:
    """The same call to another URL."""
    return replace(call, url=url)
