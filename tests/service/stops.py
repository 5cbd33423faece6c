"""Gateways between an application, Twilio and a CRM as real processes: people who send STOP, and contacts.

Person `n` has the number, the address and the record id that `phone`, `email` and `record` give.
"""

import hashlib
import http.client
import itertools
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Literal, Self
from urllib.parse import urlencode

from gateway import clock, keys
from gateway.contacts.books import open_books
from gateway.contacts.model import Books
from gateway.contacts.redisaddress import Address, Shared
from gateway.webhooks.links import USE, Link, mint
from tests.inbounds import PLUGINS, THEIRS, message, twilio_signed
from tests.plane import Upstream, answer
from tests.redisserver import Server
from tests.service.house import PATIENCE, House, running, until
from tests.world import KEYS, RULES

Store = Literal["sqlite", "redis"]
STORES: tuple[Store, ...] = ("sqlite", "redis")
STALENESS = 1.0
"""seconds an instance may answer from memory while it hears nothing of the shared registry"""
SENDER = "+33199009900"
STATE = f"{{{{url: redis://127.0.0.1:{{port}}, staleness: {STALENESS:g}s, timeout: 5s}}}}"
UPSTREAM = """\
  - name: twilio-1
    provider: twilio
    url: "{url}/t"
    region: FR
    operator: OVH
    route: {{prefix: /twilio}}
"""
INBOUND = """\
inbound:
  - name: replies
    tenant: acme
    client: office
    provider: twilio
    webhooks: [messages.received]
    route: {{prefix: /in/twilio}}
    public_url: https://hooks.acme.example/in/twilio
    verify: {{scheme: twilio, secret: env:THEIRS}}
    forward: {{url: "{url}/app", region: FR, operator: OVH}}
unsubscribe: {{route: {{prefix: /u}}, public_url: https://hooks.acme.example/u}}
"""
MESSAGES = "/twilio/2010-04-01/Accounts/AC1/Messages.json"
FORM = {"Content_Type": "application/x-www-form-urlencoded"}
JSON = {"Content_Type": "application/json"}


def phone(person: int) -> str:
    """One of the numbers the French regulator keeps for fiction."""
    return f"+3363998{person:04d}"


def email(person: int) -> str:
    """Nobody's address."""
    return f"p{person}@example.com"


@dataclass(frozen=True, slots=True)
class Told:
    """What a caller got: status 0 is no answer at all. `worker` is who answered."""

    status: int
    reason: str = ""
    worker: str = ""

    @property
    def passed(self) -> bool:
        """Whether the person was reached."""
        return 200 <= self.status < 300


class Chance:
    """Numbers that are the same in every run."""

    def __init__(self, seed: object) -> None:
        self._numbers: Iterator[int] = (
            int.from_bytes(hashlib.blake2b(f"{seed} {number}".encode()).digest(), "big")
            for number in itertools.count()
        )

    def below(self, limit: int) -> int:
        """The next, from 0 on."""
        return next(self._numbers) % limit

    def pick[T](self, some: Sequence[T]) -> T:
        """One of them."""
        return some[self.below(len(some))]


class Line:
    """A caller's connection, which stays with one worker for as long as that lives."""

    def __init__(self, house: House) -> None:
        self._connection = http.client.HTTPConnection(*house.apps, timeout=PATIENCE)

    def ask(self, method: str, path: str, body: bytes = b"", key: str = "", **headers: str) -> Told:
        """One request; a connection that breaks is made anew by the next."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if key:
            sent["Hushgate-Key"] = KEYS[key].decode()
        try:
            self._connection.request(method, path, body or None, sent)
            told = self._connection.getresponse()
            reason = re.search(rb"urn:hushgate:(\w+)", told.read())
        except (OSError, http.client.HTTPException):
            self._connection.close()
            return Told(0)
        worker = (told.getheader("Hushgate-Decision") or "").partition("-")[0]
        return Told(told.status, reason[1].decode() if reason else "", worker)

    def text(self, person: int, note: object = "", key: str = "caller") -> Told:
        """Write a text message to somebody."""
        body = urlencode({"To": phone(person), "From": SENDER, "Body": f"note<{note}>"})
        return self.ask("POST", MESSAGES, body.encode(), key=key, **FORM)

    def mail(self, person: int, note: object = "", key: str = "caller") -> Told:
        """Write an e-mail to somebody."""
        body = {"to": email(person), "text": f"note<{note}>"}
        return self.ask("POST", "/crm/mails", json.dumps(body).encode(), key=key, **JSON)

    def say(self, person: int, text: str, sid: str) -> Told:
        """Twilio delivers what somebody wrote, as the event `sid`."""
        params = message(text, From=phone(person), MessageSid=sid)
        headers = {name.replace("-", "_"): value for name, value in twilio_signed(params, "/sms").items()}
        return self.ask("POST", "/in/twilio/sms", urlencode(params).encode(), **headers)

    def read(self, person: int) -> Told:
        """Read somebody's record: whose number and address it is, is known from then on."""
        return self.ask("GET", f"/crm/contacts/{person}", key="admin")

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


@dataclass
class Providers:
    """Twilio, the CRM and the application. `arrived` are notes of contacts that went out, once each time."""

    arrived: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._upstream = Upstream(self._reply)

    @property
    def url(self) -> str:
        """Where they are."""
        return f"http://127.0.0.1:{self._upstream.port}"

    @property
    def port(self) -> int:
        """Where they are."""
        return int(self._upstream.port)

    def _reply(self, request: bytes) -> bytes:
        path = request.split(b" ", 2)[1]
        if path.startswith(b"/app"):
            return answer(b"<Response/>", kind=b"text/xml")
        if found := re.match(rb"/contacts/(\d+)", path):
            person = int(found[1])
            known = {"id": str(person), "phone": phone(person), "email": email(person)}
            return answer(json.dumps(known).encode())
        notes = re.findall(rb"note(?:<|%3C)(.*?)(?:>|%3E)", request)
        self.arrived += [note.decode() for note in notes]
        return answer(b'{"sid": "SM9"}' if path.startswith(b"/t") else b'{"id": "1"}')

    def __enter__(self) -> Self:
        self._upstream.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._upstream.__exit__(kind, error, trace)


@dataclass
class Gateways:
    """Instances of one deployment, their registry in a file or on a real Redis server."""

    houses: list[House]
    providers: Providers
    server: Server | None

    @property
    def bound(self) -> float:
        """Seconds after which an opt-out that was acknowledged has to be in force on every worker."""
        return STALENESS if self.server else 0.0

    def lines(self, *houses: House) -> list[Line]:
        """One connection to each worker, of all instances or of these."""
        return [line for house in houses or self.houses for line in _lines(house)]

    @contextmanager
    def books(self) -> Iterator[Books]:
        """The registry, as tools have it."""
        shared = self.server and Shared(
            Address("single", (("127.0.0.1", self.server.port),)), timeout=PATIENCE
        )
        books = open_books(shared or str(self.houses[0].folder / "state.db"))
        try:
            yield books
        finally:
            books.close()

    def pseudonym(self, person: int) -> str:
        """What somebody's number is called in the registry."""
        keyring = keys.read(self.houses[0].folder / "keyring")
        return keyring.pseudonymiser("acme")("phone", phone(person))

    def link(self, person: int) -> str:
        """Path of a link of one click, as it stands in an e-mail to somebody."""
        keyring = keys.read(self.houses[0].folder / "keyring")
        subject = keyring.pseudonymiser("acme")("email", email(person))
        link = Link(tenant="acme", subject=subject, until=int(clock.now()) + 3600)
        return f"/u/{mint(keyring.derive('acme', USE), link)}"

    def acts(self, person: int) -> list[str]:
        """What was entered about somebody's number."""
        with self.books() as books:
            return [entry.act for entry in books.history("acme", self.pseudonym(person))]

    def meet(self, people: Iterable[int]) -> None:
        """Have everybody's record read; wait until it is known whose number and address it is."""
        line = Line(self.houses[0])
        named = [self.pseudonym(person) for person in people if line.read(person).passed]
        line.close()
        with self.books() as books:
            until(lambda: all(len(books.linked("acme", one)) >= 2 for one in named))


def _lines(house: House) -> list[Line]:
    found: dict[str, Line] = {}

    def everybody() -> bool:
        line = Line(house)
        told = line.ask("GET", "/crm/nothing", key="caller")
        if not told.worker or found.setdefault(told.worker, line) is not line:
            line.close()
        return len(found) == house.workers

    until(everybody)
    return [*found.values()]


@contextmanager
def gateways(folder: Path, store: Store, rules: str = "", instances: int = 2) -> Iterator[Gateways]:
    """Two workers over a file, or `instances` of two workers each over Redis; skipped where there is none."""
    with ExitStack() as stack:
        server = None
        if store == "redis":
            (folder / "redis").mkdir()
            server = Server(folder / "redis")
            stack.callback(server.stop)
        providers = stack.enter_context(Providers())
        count = instances if server else 1
        houses = [_house(folder / f"instance-{n}", providers, server, rules) for n in range(count)]
        with ThreadPoolExecutor() as pool:  # most of a start is waiting
            for started in [pool.submit(stack.enter_context, running(house)) for house in houses]:
                started.result()
        yield Gateways(houses, providers, server)


def _house(folder: Path, providers: Providers, server: Server | None, rules: str) -> House:
    folder.mkdir()
    environ = {"THEIRS": THEIRS}
    more = INBOUND.format(url=providers.url)
    made = House(folder, providers.port, workers=2, rules=RULES + rules, more=more, environ=environ)
    text = made.config.read_text()
    text = text.replace("networks:", UPSTREAM.format(url=providers.url) + "networks:")
    (folder / "packs" / "twilio").symlink_to(PLUGINS / "twilio")
    if server:
        text = text.replace("sqlite://state.db", STATE.format(port=server.port))
    made.config.write_text(text)
    return made


__all__ = ["STORES", "Chance", "Gateways", "Line", "Providers", "Store", "Told", "email", "gateways", "phone"]
