"""Generated policies and traffic, and what got through."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
from hypothesis import strategies as st

from gateway.audit.record import Record
from gateway.contacts.model import Consent, Suppression
from gateway.exchange.commands import GiveBack, Lookup, Reserve
from gateway.masking.token import Tokens
from gateway.model import Channel
from tests.world import RING, RULES, Answer, Played, World, json_answer

HEADER = RULES.partition("views:")[0] + "consents: [given]\n"
ROLES = ("support", "caller", "admin")
SUBJECTS = (
    "user",
    "user.name",
    "user.name.first",
    "user.contact",
    "user.contact.email",
    "user.contact.phone_number",
    "user.contact.address",
    "user.demographic",
    "user.demographic.date_of_birth",
    "user.unique_id",
    "user.content.private",
)
Json = dict[str, Any]

# ---- policies -------------------------------------------------------------------------------------------

category = st.sampled_from(SUBJECTS)
operators = st.one_of(
    st.sampled_from(("redact", "remove", "token", "hash", "year", "truncate_ip")),
    st.sampled_from(("age_band", "postcode_area", "initials", "coordinates", "date_shift")),
    st.sampled_from(("given", "on file", "")).map(lambda text: {"fixed": {"text": text}}),
    st.integers(2, 30).map(lambda n: {"age_band": {"width": n}}),
    st.integers(1, 6).map(lambda n: {"partial": {"keep_last": n}}),
    st.integers(1, 20).map(lambda n: {"truncate": {"keep": n}}),
)


def some(*words: str) -> st.SearchStrategy[list[str]]:
    """One to three of the words."""
    return st.lists(st.sampled_from(words), min_size=1, max_size=3, unique=True)


def optional(**keys: st.SearchStrategy[Any]) -> st.SearchStrategy[Json]:
    """A mapping with any of the keys."""
    return st.fixed_dictionaries({}, optional=keys)


reveals = optional(
    reveal=some(*SUBJECTS),
    reveal_in=st.sampled_from(("mapped", "anywhere")),
    write_back=st.sampled_from(("refuse", "strip", "restore")),
)


@st.composite
def views(draw: st.DrawFn) -> Json:
    show = draw(st.lists(category, max_size=4, unique=True))
    mask = draw(st.dictionaries(category, operators, max_size=4))
    view: Json = {"show": show, "mask": {c: m for c, m in mask.items() if c not in show}}
    view |= draw(reveals)
    return {**view, "hide_with": draw(st.sampled_from(("redact", "remove", "hash")))}


narrowing = optional(
    roles=some(*ROLES),
    clients=some("helpdesk", "dialer", "office"),
    purposes=some("marketing", "marketing.communications.sms", "essential.service.operations.support"),
    providers=some("crm"),
    operations=some("crm.contacts.*", "*.create", "*.fetch", "crm.mails.*"),
    channels=some("sms", "email", "whatsapp", "call"),
    data=some(*SUBJECTS),
    recipients=some("crm", "OVH", "elsewhere"),
)
timing = optional(
    mode=st.sampled_from(("enforce", "shadow")),
    unless=st.sampled_from(({"tenant_consent": "given"}, {"tenant_consent": "missing"})),
) | st.sampled_from(
    (
        {"from": "2026-04-01"},
        {"from": "2026-04-02"},
        {"until": "2026-04-01"},
        {"from": "2026-01-01", "until": "2026-04-02"},
    )
)
masks = st.builds(
    lambda categories, operator, to: {"mask": categories, "with": operator, **to},
    some(*SUBJECTS),
    operators,
    st.sampled_from(({}, {}, {"to": {"providers": "crm"}})),
)
spots = st.builds(
    lambda categories, operator, to: {"mask": categories, "with": operator, "detect": True, **to},
    some("user.contact", "user.contact.email", "user.contact.phone_number"),
    operators,
    st.sampled_from(({}, {"to": {"providers": "crm"}})),
)
contacts = st.builds(
    lambda contact, refusal: {"contact": contact, "on_refusal": refusal},
    optional(
        require=st.sampled_from(
            ("no_suppression", "consent", "double_opt_in", "customer", "proven_consent_or_customer")
        ),
        within=st.sampled_from(("09:00-20:00", "20:00-21:00")),
        days=st.sampled_from(("mon-fri", "sat-sun")),
        timezone=st.sampled_from(("subject", "Europe/Paris")),
        at_most=st.sampled_from(("1 in 7 days", "2 in 7 days", ["5 in 1 hour", "1 in 2 days"])),
        countries=some("FR", "US"),
        unknown_subject=st.sampled_from(("refuse", "pass")),
    ).map(lambda terms: terms or {"require": "consent"}),
    st.sampled_from(("refuse", "drop", "hold")),
)
bases = st.lists(
    st.sampled_from(
        (
            {"adequacy": True},
            {"dpf": {"recipients": "AWS"}},
            {"privacy_shield": {"recipients": "AWS"}},
            {"scc": {"recipients": ["crm"], "until": "2027-01-01", "ref": "x", "data": "user.name"}},
            {"explicit_consent": {"purpose": "marketing"}},
            {"tenant_consent": {"name": "given"}},
        )
    ),
    max_size=2,
)
residencies = st.builds(
    lambda regions, operators, adequacy, bases, more: {
        "residency": {
            "regions": regions,
            "adequacy": adequacy,
            **({"operators": operators} if operators else {}),
            **({"bases": bases} if bases else {}),
            **({"callers": more["callers"]} if "callers" in more else {}),
        },
        **{key: value for key, value in more.items() if key != "callers"},
    },
    some("FR", "EEA", "US", "JP"),
    st.sampled_from((None, ["OVH"], ["AWS"])),
    st.booleans(),
    bases,
    st.sampled_from(({}, {"on_refusal": "strip"}, {"direction": "request"}, {"callers": ["FR", "IL"]})),
)
allow_lists = some(*SUBJECTS).map(lambda categories: {"only": categories})
accesses = st.just({"access": {"operations": ["*.delete_batch", "crm.status"]}}) | some(*ROLES).map(
    lambda roles: {"access": {"roles": roles}}
)


seals = some(*SUBJECTS).map(lambda categories: {"seal": categories})
left_alone = st.builds(
    lambda terms, refusal, direction: {"records": terms, "on_refusal": refusal, **direction},
    optional(suppressed_on=some("call", "sms", "email"), of=some("suppressed", "objected", "erased")),
    st.sampled_from(("refuse", "drop", "hide")),
    st.sampled_from(({}, {"direction": "request"}, {"direction": "response"})),
)


@st.composite
def rules(draw: st.DrawFn) -> Json:
    """One rule of any kind, narrowed, timed."""
    kind: Json = draw(masks | spots | contacts | residencies | allow_lists | accesses | seals | left_alone)
    inside: Json = kind.get("access", {})
    narrow = {k: v for k, v in draw(narrowing).items() if k not in inside}
    if "to" in kind:
        narrow.pop("providers", None)
    return {**kind, **narrow, **draw(timing)}


@dataclass(frozen=True)
class Policy:
    """A rule file that is not written yet."""

    views: Json
    rules: tuple[Json, ...]
    unmapped: str

    def plus(self, *rules: Json) -> "Policy":
        """With more rules at the end."""
        return Policy(self.views, (*self.rules, *rules), self.unmapped)

    def text(self) -> str:
        """As YAML (a superset of JSON); rules are named by their place."""
        named = [{"id": f"r{n}", **rule} for n, rule in enumerate(self.rules)]
        parts = {"views": self.views, "rules": named, "unmapped": self.unmapped}
        return HEADER + "".join(f"{key}: {json.dumps(value)}\n" for key, value in parts.items())


policies = st.builds(
    Policy,
    st.fixed_dictionaries({role: views() for role in ROLES}),
    st.lists(rules(), max_size=6).map(tuple),
    st.sampled_from(("redact", "detect", "pass")),
)

# ---- traffic: every value is another text, so that where it turns up says who saw it -----------------------

PHONES = ("+33639980001", "+33639980002", "whatsapp:+33639980003")
TOKENS = tuple(
    Tokens(RING.token_keys("acme"), "FR").issue("user.contact.phone_number", "phone", number) or ""
    for number in PHONES[:2]
)
EMAILS = ("ana@example.com", "bo@example.com", "cy@example.com", "di@example.com")


def person(n: int) -> Json:
    return {
        "id": f"{n}70{n}",
        "name": {"first": f"Ana-{n}-first", "last": f"Silva-{n}-last"},
        "email": f"person{n}@example.com",
        "phone": f"+3363998010{n}",
        "born": f"198{n}-04-0{n}",
        "address": {"street": f"{n} rue X-{n}", "city": f"Ville-{n}"},
        "created": f"2026-01-0{n}",
        "surprise": f"an unmapped text {n}, phone +3363998020{n}",
    }


@dataclass(frozen=True)
class Request:
    """A call and what the upstream answers."""

    method: str
    path: str
    json_body: Any = None
    form: tuple[tuple[str, str], ...] | None = None
    answer: Answer = field(default_factory=lambda: json_answer({"id": "m-1"}))


def message(to: str) -> Request:
    form = (("To", to), ("Body", "a private text"))
    return Request("POST", "/crm/messages", form=form, answer=json_answer({"to": to, "body": "another text"}))


def mail(to: str | None, cc: list[str]) -> Request:
    body: Json = {"cc": cc, "text": "a private text"}
    return Request("POST", "/crm/mails", json_body={"to": to, **body} if to else body)


AUDIO = Answer(200, ((b"Content-Type", b"audio/wav"),), b"RIFF")
requests = st.one_of(
    st.sampled_from(
        (
            Request("GET", "/crm/contacts/7", answer=json_answer(person(1))),
            Request("HEAD", "/crm/contacts/7", answer=json_answer(person(1))),
            Request("GET", "/crm/contacts/7", answer=json_answer({"message": "person1@example.com"}, 404)),
            Request("GET", "/crm/contacts/7", answer=Answer(500, ((b"Content-Type", b"text/html"),), b"<p>")),
            Request(
                "GET",
                "/crm/contacts?email=ana%40example.com",
                answer=json_answer({"results": [person(n) for n in range(3)], "next": "n-1"}),
            ),
            Request("POST", "/crm/contacts", json_body=person(4), answer=json_answer(person(5))),
            Request("DELETE", "/crm/contacts/7", answer=Answer(204, ())),
            Request("POST", "/crm/contacts/delete", json_body={"ids": ["101", "102"]}),
            Request("GET", "/crm/recordings/1", answer=AUDIO),
            Request("GET", "/crm/recordings/1", answer=json_answer({"message": "no such recording"}, 404)),
            Request("GET", "/crm/status", answer=json_answer({"anything": "at all"})),
            Request("GET", "/crm/nothing"),
        )
    ),
    st.sampled_from((*PHONES, *TOKENS)).map(message),
    st.sampled_from(TOKENS).map(lambda token: Request("POST", "/crm/contacts", json_body={"phone": token})),
    st.builds(mail, st.none() | st.sampled_from(EMAILS), st.lists(st.sampled_from(EMAILS), max_size=3)),
)
channels: st.SearchStrategy[Channel | None] = st.sampled_from((None, "sms", "email", "whatsapp"))
purposes = st.sampled_from((None, "marketing", "essential.service"))
known = st.dictionaries(
    st.sampled_from((*PHONES, *EMAILS)),
    st.lists(
        st.builds(Suppression, channel=channels, purpose=purposes)
        | st.builds(
            Consent,
            channel=channels,
            purpose=purposes,
            state=st.sampled_from(("granted", "confirmed", "withdrawn")),
        ),
        min_size=1,
        max_size=2,
    ),
    max_size=4,
)
addresses = st.sampled_from(("127.0.0.1", "203.0.113.5", "198.51.100.7"))
NETWORKS = (("127.0.0.0/8", "FR", "OVH"), ("203.0.113.0/24", "US", "AWS"), ("198.51.100.0/24", "JP", "AWS"))


@dataclass(frozen=True)
class Scene:
    """Who asks what of whom."""

    client: str
    request: Request
    known: dict[str, list[Suppression | Consent]]
    address: str

    def play(self, policy: Policy, request: Request | None = None) -> Played:
        """The exchange under a policy."""
        world = World(rules=policy.text(), networks=NETWORKS, addresses=(self.address,))
        for value, what in self.known.items():
            world.know("email" if "@" in value else "phone", value, *what)
        world.reached = {world.named("phone", PHONES[0]): (world.now - 90_000,)}
        world.reached[world.named("email", EMAILS[1])] = (world.now - 60.0, world.now - 90_000)
        asked = request or self.request
        return world.ask(
            asked.method,
            asked.path,
            client=self.client,
            json_body=asked.json_body,
            form=asked.form,
            answer=asked.answer,
        )


scenes = st.builds(Scene, st.sampled_from(ROLES), requests, known, addresses)

# ---- what got through -----------------------------------------------------------------------------------


def leaves(document: Any) -> Iterator[str]:
    """Every scalar of a document, as text."""
    if isinstance(document, dict | list):
        for value in document.values() if isinstance(document, dict) else document:
            yield from leaves(value)
    elif document is not None:
        yield str(document)


def parsed(body: bytes) -> list[str]:
    """The leaves of a JSON or form body; any other is one leaf."""
    try:
        return list(leaves(json.loads(body)))
    except ValueError:
        pairs = parse_qsl(body.decode(), keep_blank_values=True)
        return [value for _, value in pairs] or [body.decode()]


def allowed(played: Played) -> bool:
    return not played.records[-1].reason


def shown(scene: Scene, played: Played) -> set[str]:
    """Values of the upstream's answer that the caller got as they are."""
    given = set(parsed(scene.request.answer.body)) if scene.request.answer.body else set()
    return given & set(parsed(played.body)) if played.body else set()


def passed_on(scene: Scene, played: Played) -> set[str]:
    """Values of the caller's request that the upstream got as they are, body and target."""
    if played.nothing_sent:
        return set()
    asked = scene.request
    target = urlsplit(played.sent[0].split(b" ", 2)[1].decode())
    given = {*leaves(asked.json_body), *(value for _, value in asked.form or ()), *PHONES}
    return (
        (given & set(parsed(played.sent[1])))
        | {value for _, value in parse_qsl(target.query)}
        | {target.path}
    )


def recipients(played: Played) -> set[str]:
    """People the request sent upstream reaches."""
    return set() if played.nothing_sent else set(parsed(played.sent[1])) & {*PHONES, *EMAILS}


def decided(played: Played) -> tuple[object, ...]:
    """All that came out, but for names of rules and the order of them."""
    sent = None if played.nothing_sent else played.sent
    body: Any = played.body
    if not allowed(played) and played.body:
        body = {k: v for k, v in played.json.items() if k != "rules"}
    records = [plain(record) for record in played.records]
    # to report what a shadow rule would do, the registry may be asked, and counts for it
    kinds = [kind for kind in played.kinds if kind not in (Lookup, Reserve, GiveBack)]
    return sent, body, played.status, kinds, records


def plain(record: Record) -> Record:
    return msgspec.structs.replace(record, policy="", rules=(), shadow=())
