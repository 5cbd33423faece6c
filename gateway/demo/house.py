"""Everything the tour's gateway needs, written into one folder: keys, rules, configuration, registry."""

import hashlib
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

import gateway
from gateway import clock, keys
from gateway.ca.root import CERTIFICATE
from gateway.contacts.model import Entry
from gateway.contacts.normalise import normalise
from gateway.contacts.sqlite import SqliteBooks
from gateway.demo import proxied
from gateway.model import SubjectKind
from gateway.sandbox import hubspot, replies, twilio
from gateway.sandbox.people import PEOPLE

TENANT = "demo"
CLIENTS = ("helpdesk", "dialer", "backoffice", "phonebank", "statistics", "newsletter")
"""Applications of the tenant, in the order their keys stand in the rule file."""
PLACES = {"hubspot": "127.0.0.1", "hubspot-us": "127.0.0.2", "twilio": "127.0.0.3", "replies": "127.0.0.1"}
"""Upstream, or application that gets webhooks -> loopback address it stands at.

`networks` says which country that stands for.
"""

SUPPRESSED = PEOPLE[2]
"""Asked not to be contacted, on any channel."""
CONSENTING = PEOPLE[0]
"""Consented to advertising text messages."""

CONFIG = """\
# Written by `hushgate demo`. Three loopback addresses stand for three places.
listeners:
  - {{name: apps, plane: reverse, bind: "{apps}", workers: 1}}
{listener}upstreams:
  - name: hubspot-fr
    provider: hubspot
    url: {hubspot}
    region: FR
    operator: OVH
    route: {{prefix: /hubspot}}
    credential: {{bearer: "env:HUSHGATE_DEMO_HUBSPOT"}}
  - name: hubspot-us
    provider: hubspot
    url: {hubspot_us}
    region: US
    operator: AWS
    route: {{prefix: /hubspot-us}}
    credential: {{bearer: "env:HUSHGATE_DEMO_HUBSPOT"}}
  - name: twilio-ie
    provider: twilio
    url: {twilio}
    region: IE
    operator: Twilio
    route: {{prefix: /twilio}}
    credential:
      basic: {{user: "env:HUSHGATE_DEMO_TWILIO_USER", password: "env:HUSHGATE_DEMO_TWILIO_TOKEN"}}
{upstreams}inbound:
  - name: replies
    tenant: demo
    client: helpdesk
    provider: twilio
    webhooks: messages.received
    route: {{prefix: /in/twilio}}
    public_url: http://{apps}/in/twilio
    verify: {{scheme: twilio, secret: "env:HUSHGATE_DEMO_TWILIO_TOKEN"}}
    forward: {{url: "{replies}/twilio", region: FR, operator: OVH}}
    sign: {{scheme: twilio, secret: "env:HUSHGATE_DEMO_REPLIES_TOKEN", url: "{replies}/twilio"}}
networks:
  - {{cidr: 127.0.0.1/32, country: FR, operator: OVH}}
  - {{cidr: 127.0.0.2/32, country: US, operator: AWS}}
  - {{cidr: 127.0.0.3/32, country: IE, operator: Twilio}}
rules: rules
state: sqlite://state.db
audit: {{dir: audit}}
keyring: file:keyring
admin: {{bind: "{admin}"}}
{certificates}log: {{level: warning}}
"""

SECRETS = {
    "HUSHGATE_DEMO_HUBSPOT": hubspot.TOKEN,
    "HUSHGATE_DEMO_TWILIO_USER": twilio.ACCOUNT,
    "HUSHGATE_DEMO_TWILIO_TOKEN": twilio.TOKEN,
    "HUSHGATE_DEMO_REPLIES_TOKEN": replies.TOKEN,
}
"""What the gateway's environment holds and the applications do not."""


@dataclass(frozen=True, slots=True)
class House:
    """The written folder, and what the tour has to know of it. `keys` are the clients' keys, in clear."""

    folder: Path
    config: Path
    apps: str
    admin: str
    keys: Mapping[str, str]
    proxy: str = ""
    """`host:port` of the forward proxy; empty where there is none."""

    @property
    def trust(self) -> Path:
        """The root certificate that clients of the proxy have to trust."""
        return self.folder / "ca-root" / CERTIFICATE

    @property
    def audit(self) -> Path:
        """Folder of the access log."""
        return self.folder / "audit"


def furnish(folder: Path, urls: Mapping[str, str], apps: str, admin: str, proxy: str = "") -> House:
    """Write everything. `urls` are the sandboxes by upstream, the others are `host:port`."""
    made = {client: f"hgk_{secrets.token_urlsafe(32)}" for client in CLIENTS}
    (folder / "rules").mkdir(exist_ok=True)
    (folder / "audit").mkdir(mode=0o700, exist_ok=True)
    (folder / "rules" / f"{TENANT}.yaml").write_text(rules(shipped_rules(), made), encoding="utf-8")
    _write_private(folder / "keyring", keys.generate())
    config = folder / "hushgate.yaml"
    if proxy and not (folder / "ca-root").exists():
        proxied.authority(folder)
    parts = {
        "listener": proxied.LISTENER,
        "upstreams": proxied.UPSTREAMS,
        "certificates": proxied.CERTIFICATES,
    }
    places = {name.replace("-", "_"): urls[name] for name in PLACES}
    more = {name: text.format(proxy=proxy, **places) if proxy else "" for name, text in parts.items()}
    written = CONFIG.format(apps=apps, admin=admin, **places, **more)
    config.write_text(written, encoding="utf-8")
    _enter_contacts(folder)
    return House(folder, config, f"http://{apps}", f"http://{admin}", made, proxy)


def shipped_rules() -> str:
    """The text of `rules/demo.yaml`: inside a wheel, or beside the sources."""
    package = Path(gateway.__file__).parent
    inside = package / "builtin" / "rules" / f"{TENANT}.yaml"
    found = inside if inside.is_file() else package.parent / "rules" / f"{TENANT}.yaml"
    return found.read_text(encoding="utf-8")


def rules(shipped: str, made: Mapping[str, str]) -> str:
    """The rule file with the clients' real keys, hashed, in place of the shipped ones."""
    digests = iter(hashlib.sha256(key.encode()).hexdigest() for key in made.values())
    return re.sub(r"sha256:0{63}[0-9]", lambda _: f"sha256:{next(digests)}", shipped)


def _write_private(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


def _enter_contacts(folder: Path) -> None:
    """What the registry knows when the tour begins: one person suppressed, one consent."""
    pseudonymise = keys.read(folder / "keyring").pseudonymiser(TENANT)

    def pseudonym(kind: SubjectKind, value: str) -> str:
        return pseudonymise(kind, normalise(kind, value, "FR") or value)

    suppressed = [pseudonym("phone", number) for number in (SUPPRESSED.mobilephone, SUPPRESSED.phone)]
    now = clock.now()
    alone = Entry(id="demo", subject="", act="suppressed", at=now, source="demo")
    agreed = replace(alone, act="granted", channel="sms", purpose="marketing")
    books = SqliteBooks(folder / "state.db")
    books.suppress_many(TENANT, [*suppressed, pseudonym("email", SUPPRESSED.email)], alone)
    books.suppress_many(TENANT, [pseudonym("phone", CONSENTING.mobilephone)], agreed)
    books.close()
