"""E-mail addresses and texts that stand for others, sealed with AES-SIV (RFC 5297). Pure.

    e-mail   t<base32>@<base32>.token.hushgate.invalid     the address goes on in labels where it is long
    text     t_<base64url>

What is encoded is one byte with the number of the key epoch, then the sealed category and value. So a token
is known for certain, says itself which key opens it, and two categories never share one. `.invalid` belongs
to nobody (RFC 6761 section 6.4): a message to a token that escaped is delivered nowhere. The e-mail form is
in lower case and has no sign but letters and digits, since applications change the case of addresses.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from gateway.masking.siv import Siv

DOMAIN: Final = "token.hushgate.invalid"
PREFIX: Final = "t_"
MAX_TEXT: Final = 4_096
"""Octets of category and value together that have a text token."""
MIN_TEXT: Final = 44
"""Characters of the shortest text token behind its prefix."""

_LOCAL: Final = 64  # octets, RFC 5321 section 4.5.3.1.1
_LABEL: Final = 63  # octets, RFC 1035 section 2.3.4
_PATH: Final = 254  # octets, RFC 5321 section 4.5.3.1.3 without the brackets
_PAD: Final = 16  # a text is filled up to a multiple, so that its length shows less
_END: Final = b"\x80"  # between text and filling (ISO/IEC 7816-4)

_EMAIL: Final = b"email"
_TEXT: Final = b"text"
"""What is sealed along, with the epoch: a token cannot be turned into another form of itself."""

_SIGNS: Final = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS: Final = tuple(a + b for a in _SIGNS for b in _SIGNS)
_VALUES: Final = str.maketrans(_SIGNS, "0123456789abcdefghijklmnopqrstuv")  # as int() reads base 32

_SPELLED: Final = b"\0"
_NUMBER: Final = b"\2"
_SHORT: Final = {
    "user.contact.email": b"\1",
    "user.name": b"\3",
    "user.name.first": b"\4",
    "user.name.last": b"\5",
    "user.unique_id": b"\6",
    "user.contact.address.street": b"\7",
}
"""Heads that stand for a category: an address has little room, a name is short. Only ever added to."""
_CATEGORIES: Final = {head: category for category, head in _SHORT.items()}


@dataclass(frozen=True, slots=True)
class Sealed:
    """A token taken apart: the number of its key epoch, its form, and what only the key opens."""

    epoch: int
    form: bytes
    body: bytes


@dataclass(frozen=True, slots=True)
class Opened:
    """What was sealed. `number` says that the value is the text of a number."""

    category: str
    value: str = field(repr=False)
    number: bool = False


def seal_email(siv: Siv, epoch: int, category: str, value: str) -> str | None:
    """The address that stands for an address; None where no address has the room."""
    mark = bytes((epoch,))
    return _address(mark + siv.seal(_plain(category, value, False), _EMAIL + mark))


def seal_text(siv: Siv, epoch: int, category: str, value: str, number: bool = False) -> str | None:
    """The text that stands for a text; None for a longer one than MAX_TEXT."""
    plain = _plain(category, value, number) + _END
    if len(plain) > MAX_TEXT:
        return None
    plain += bytes(-len(plain) % _PAD)
    mark = bytes((epoch,))
    return _word(mark + siv.seal(plain, _TEXT + mark))


def parse(token: str) -> Sealed | None:
    """What a token holds, unopened; None unless it is written as we would: a value has one token."""
    form = _TEXT if token.startswith(PREFIX) else _EMAIL
    read, write = _FORMS[form]
    try:
        payload = read(token)
    except (ValueError, OverflowError):  # the latter of a number with a minus
        return None
    return Sealed(payload[0], form, payload[1:]) if payload and write(payload) == token else None


def unseal(siv: Siv, sealed: Sealed) -> Opened | None:
    """What a token stands for; None when it was not sealed with this key, or was changed."""
    plain = siv.open(sealed.body, sealed.form + bytes((sealed.epoch,)))
    if plain is None:
        return None
    return _read(plain.rstrip(b"\0")[:-1] if sealed.form == _TEXT else plain)


def _plain(category: str, value: str, number: bool) -> bytes:
    short = _SHORT.get(category)
    if short and not number:
        return short + value.encode()
    return (_NUMBER if number else _SPELLED) + category.encode() + b"\0" + value.encode()


def _read(plain: bytes) -> Opened:
    """Only what was sealed with the key comes here, so it has the form that _plain gives it."""
    head, rest = plain[:1], plain[1:].decode()
    if head in _CATEGORIES:
        return Opened(_CATEGORIES[head], rest)
    category, _, value = rest.partition("\0")
    return Opened(category, value, head == _NUMBER)


def _word(payload: bytes) -> str:
    return PREFIX + urlsafe_b64encode(payload).rstrip(b"=").decode()


def _address(payload: bytes) -> str | None:
    text = "t" + _base32(payload)
    local, rest = text[:_LOCAL], text[_LOCAL:]
    labels = [rest[at : at + _LABEL] for at in range(0, len(rest), _LABEL)]
    address = local + "@" + ".".join((*labels, DOMAIN))
    return address if len(address) <= _PATH else None


def _base32(data: bytes) -> str:
    """RFC 4648 section 6 in lower case, unpadded; two signs at a time, since base64.b32encode is slow."""
    size = 8 * len(data)
    number = int.from_bytes(data) << -size % 10
    text = "".join([_PAIRS[number >> shift & 1023] for shift in range((size - 1) // 10 * 10, -1, -10)])
    return text[: -(-size // 5)]


def _from_word(token: str) -> bytes:
    text = token.removeprefix(PREFIX)
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _from_address(token: str) -> bytes:
    local, _, domain = token.rpartition("@")
    text = local[1:] + domain.removesuffix(DOMAIN).replace(".", "")
    return (int(text.translate(_VALUES), 32) >> 5 * len(text) % 8).to_bytes(5 * len(text) // 8)


_FORMS: Final[Mapping[bytes, tuple[Callable[[str], bytes], Callable[[bytes], str | None]]]] = {
    _TEXT: (_from_word, _word),
    _EMAIL: (_from_address, _address),
}
"""How each form is read, and how it is written."""
