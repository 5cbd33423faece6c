"""Names that resemble those of hidden fields, however they are spelt. Pure.

A name is cut into words (`filter[contactEmail]`, `phone__contains`, `e-mail`), and words in a row are joined:
so `date_of_birth`, `dateOfBirth` and `DATE-OF-BIRTH` are one name. Too many are taken for hidden rather than
too few: a data map that names a parameter settles what it is.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from gateway.model import overlaps

_words: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\W\d_A-Za-z]+").findall
_MOST: Final = 5
"""words of one name"""
_STEM: Final = 5
"""characters of a name that is found at either end of a longer word (`contactemail`, `birthdate`)"""

ALIASES: Final[Mapping[str, str]] = {
    "user.contact.email": "email mail emailaddress mailaddress",
    "user.contact.phone_number": "phone tel telephone mobile cell cellphone msisdn whatsapp",
    "user.contact.address": "address street zip zipcode postcode postal postalcode city",
    "user.demographic.date_of_birth": "birth birthday birthdate dob born age",
    "user.demographic.gender": "gender sex",
    "user.device.ip_address": "ip ipaddress",
    "user.financial.bank_account": "iban bankaccount",
    "user.financial.credit_card": "card creditcard cardnumber pan",
    "user.government_id": "ssn passport nationalid taxid idcard",
    "user.name": "name firstname lastname fullname middlename surname forename givenname familyname nickname",
}
"""Data category -> what fields of it are called."""


def vocabulary(text: str) -> frozenset[str]:
    """Words, written one after the other."""
    return frozenset(text.split())


GENERIC: Final = vocabulary("""
    account body city code contact content count country data date first from id key label language last
    message name note notes number person profile region source state status subject text time title to type
    url user value
""")
"""Words that mean a field only where they are all of a name."""

_OPERATORS: Final = vocabulary("""
    by contains ends endswith eq equals exact filter filters group gt gte has icontains iexact in is like
    lt lte ne not order query search sort starts startswith where with
""")
"""Words that say how a field is asked for, and not which."""


def words(name: str) -> list[str]:
    """A name's words, in lower case.

    >>> words("filter[contactEmail]"), words("phone__contains"), words("DOB_from")
    (['filter', 'contact', 'email'], ['phone', 'contains'], ['dob', 'from'])
    """
    return [word.lower() for word in _words(name)]


@dataclass(frozen=True, slots=True)
class Likeness:
    """Names of fields without what stands between their words. `whole` are taken for one only as a whole."""

    part: frozenset[str] = frozenset()
    whole: frozenset[str] = frozenset()
    stems: tuple[str, ...] = ()

    @classmethod
    def of(cls, names: Iterable[str]) -> "Likeness":
        """From names as data maps write them, and last parts of categories."""
        return _likeness(frozenset(names))

    def __bool__(self) -> bool:
        return bool(self.whole)

    def resembles(self, name: str) -> bool:
        """Whether a name may be that of one of the fields."""
        found = words(name)
        if "".join([word for word in found if word not in _OPERATORS]) in self.whole:
            return True
        if any(word.startswith(self.stems) or word.endswith(self.stems) for word in found):
            return True
        return any(
            "".join(found[at : at + size]) in self.part
            for at in range(len(found))
            for size in range(1, min(_MOST, len(found) - at) + 1)
        )


@lru_cache(maxsize=1024)
def _likeness(names: frozenset[str]) -> Likeness:
    """Kept, since plans of one operation hide the same few sets of fields."""
    made = {"".join(words(name)) for name in names} - {""}
    part = {name for name in made if len(name) > 1 and name not in GENERIC}
    return Likeness(frozenset(part), frozenset(made), tuple(sorted(n for n in part if len(n) >= _STEM)))


def called(category: str, hidden: Callable[[str], bool]) -> list[str]:
    """What fields of a hidden category are called; of a broad one those names whose own category is hidden.

    >>> called("user.contact.email", lambda _: True)
    ['email', 'email', 'mail', 'emailaddress', 'mailaddress']
    """
    aliases = [each for each in ALIASES if overlaps(each, category) and hidden(each)]
    return [category.rpartition(".")[2], *(name for each in aliases for name in ALIASES[each].split())]
