"""What webhooks and answers of providers mean for the people in them, as packs and rules say. Pure."""

from typing import Literal, dataclass_transform

import msgspec

Means = Literal[
    "word",  # what the text says: STOP and its like, START, anything else nothing
    "opt_out",
    "opt_in",  # lifts what opt-outs by word or carrier made, nothing else
    "bounced",
    "complained",
    "objected",
    "erased",
]
OptOutScope = Literal["marketing", "channel", "global"]


# model.Struct stands above this module, whose values are in it.
@dataclass_transform(frozen_default=True, kw_only_default=True)
class _Struct(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Frozen, keyword-only, packable."""


class Effect(_Struct):
    """What a record says of a person. `who` is the field with its identifier, of the kind `kind`.

    `space`: of a record id, as in a data map. `channel` is one that the webhook itself does not say. It holds
    where each of `when` (field, values one of which it has; none: any but an empty one) does. `text` is the
    field a `word` is looked for in. In an operation's `learns` nobody is named: it is about the recipients of
    the request.
    """

    means: Means
    who: str = ""
    kind: Literal["phone", "email", "record"] = "phone"
    space: str = ""
    channel: Literal["call", "sms", "mms", "whatsapp", "email", "chat", "social", "push"] | None = None
    when: tuple[tuple[str, tuple[str, ...]], ...] = ()
    text: str = ""


class Silence(_Struct):
    """What a provider is answered, with 200, where an application's answer may not be carried out."""

    type: str
    body: str


class Hook(_Struct):
    """What makes an operation a webhook: its answer is what the provider sends, its request what it is told.

    `each` is the path of the records in a JSON body (`[]` an array, empty the body itself). `when` tells it
    from other webhooks at the same address. `event` are the fields that tell one event from others, `at` is
    the one with its time in milliseconds. `effects`: the first that holds, of each record. `reply` is the
    field with the person to whom an answer goes that names nobody.
    """

    each: str = ""
    when: tuple[tuple[str, tuple[str, ...]], ...] = ()
    event: tuple[str, ...] = ()
    at: str = ""
    effects: tuple[Effect, ...] = ()
    reply: str = ""
    silence: Silence | None = None


class OptOut(_Struct):
    """How far the tenant's opt-outs reach: `purpose` on every channel, all of one channel, or everything."""

    scope: OptOutScope = "marketing"
    purpose: str = "marketing"
