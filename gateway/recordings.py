"""How calls have people recorded or transcribed, as packs say it; frozen values."""

from typing import dataclass_transform

import msgspec

from gateway.datamodel import Channel


# model.Struct stands above this module, whose values are in it.
@dataclass_transform(frozen_default=True, kw_only_default=True)
class _Struct(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Frozen, keyword-only, packable."""


class Instructions(_Struct):
    """What in XML that tells a provider what to do asks for a recording: all in lower case, without prefixes.

    `attributes`: each with the values that ask for none.
    """

    elements: tuple[str, ...] = ()
    attributes: dict[str, tuple[str, ...]] = {}


class Recording(_Struct):
    """How a call has somebody recorded or transcribed: always, or where a parameter asks for it.

    `fields`: parameters with the values (lower case) that ask for none; an empty one never does. `xml`:
    parameters that hold instructions, `$` the body itself. `channel` is that of the people in a call that
    reaches nobody itself. `answer` is the member of its answer by which later calls name it, `space` what
    goes before that in the registry. `of`: of a webhook, the field with the person its answer has recorded.
    """

    always: bool = False
    fields: tuple[tuple[str, tuple[str, ...]], ...] = ()
    xml: tuple[tuple[str, Instructions], ...] = ()
    channel: Channel = "call"
    answer: str = ""
    space: str = ""
    of: str = ""

    def within(self, name: str) -> Instructions | None:
        """What to look for in the instructions that a parameter holds; None: it holds none."""
        return next((said for field, said in self.xml if field == name), None)
