"""Words by which people opt out of messages, and back in: only as a whole message. Pure.

English: the words that 47 CFR 64.1200(a)(10) names as reasonable, and those that carriers honour beside them
(CTIA messaging principles, section 5.1.3). Other languages: what providers document as keywords there, and
the imperative and noun forms of "stop", "unsubscribe" and "cancel". HELP and INFO ask for information and
mean nothing here. Only the two words that carriers take for it bring somebody back: a "yes" can be meant for
anything.
"""

import unicodedata
from collections.abc import Mapping
from typing import Final, Literal

Meaning = Literal["stop", "start"]

LONGEST: Final = 64
"""characters of a text that can be a word; anything longer is not looked at"""

STOP: Final[Mapping[str, tuple[str, ...]]] = {
    "en": (
        *("stop", "stop all", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout"),
        *("opt out", "opt-out", "remove me"),
    ),
    "fr": (
        *("arrêt", "arrêter", "arrêtez", "désabonner", "désabonnement", "désinscrire", "désinscription"),
        *("me désabonner", "me désinscrire", "stop sms", "stop pub", "stop appel"),
    ),
    "de": ("stopp", "abmelden", "abmeldung", "abbestellen", "austragen", "beenden", "kündigen"),
    "es": (
        "alto",
        "parar",
        "pare",
        "baja",
        "dar de baja",
        "darse de baja",
        "cancelar",
        "detener",
        "desuscribir",
    ),
    "pt": ("parar", "pare", "sair", "cancelar", "descadastrar", "remover", "desinscrever"),
    "it": ("ferma", "fermare", "basta", "annulla", "cancella", "cancellami", "disiscrivi", "disiscrivimi"),
    "nl": ("stoppen", "afmelden", "uitschrijven", "opzeggen"),
    "pl": ("zatrzymaj", "wypisz", "wypisz mnie", "rezygnuję", "rezygnacja", "koniec", "anuluj"),
    "cs": ("odhlásit", "zrušit", "ukončit"),
    "sk": ("odhlásiť", "zrušiť", "ukončiť"),
    "hu": ("leiratkozás", "leiratkozom", "leállít", "lemondás"),
    "ro": ("dezabonare", "dezabonează", "oprește", "anulare"),
    "sv": ("stoppa", "avsluta", "avregistrera", "avanmäl"),
    "nb": ("stans", "avslutt", "meld av", "avmeld"),
    "da": ("afmeld", "frameld", "afslut"),
    "fi": ("lopeta", "peru", "peruuta", "poistu"),
    "et": ("lõpeta", "loobu"),
    "lv": ("pārtraukt", "atteikties"),
    "lt": ("sustabdyti", "atsisakyti"),
    "hr": ("odjava", "odjavi", "prekini"),
    "tr": ("dur", "durdur", "iptal", "ret", "red", "çık"),
    "el": ("στοπ", "διακοπή", "διαγραφή", "τέλος"),
    "ru": ("стоп", "отписаться", "отписка", "отмена", "отказ"),
    "uk": ("стоп", "відписатися", "відписка", "скасувати", "відмова"),
    "bg": ("стоп", "отписване", "отказ"),
    "ar": ("توقف", "قف", "إيقاف", "ايقاف", "إلغاء", "الغاء", "إلغاء الاشتراك", "الغاء الاشتراك"),
    "he": ("הסר", "הסרה", "עצור", "הפסק", "ביטול"),
    "hi": ("रोकें", "रोको", "बंद", "बंद करें"),
    "ja": ("停止", "配信停止", "解除", "配信解除", "退会", "ストップ"),
    "zh": ("退订", "退訂", "停止", "取消", "取消订阅", "取消訂閱", "td"),
    "ko": ("수신거부", "중지", "정지", "그만", "취소"),
    "id": ("berhenti", "batal"),
    "vi": ("dừng", "từ chối", "hủy"),
    "th": ("หยุด", "ยกเลิก"),
}
"""By language; whose language it is does not matter, a word counts in all of them."""
START: Final = ("start", "unstop")

_EDGES: Final = frozenset("PSZC")
"""Classes of characters that may stand around a word: punctuation, symbols, spaces, invisible ones."""


def bare(text: str) -> str:
    """A text as words are compared: width, case, accents, outer signs and inner spaces make no difference.

    >>> bare("  «Ｓｔｏｐ　ALL»!"), bare("Arrêt."), bare("stop it")
    ('stop all', 'arret', 'stop it')
    """
    # The dotless i of Turkish, whose capital is everybody's I.
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold()).replace("ı", "i")
    plain = unicodedata.normalize("NFC", "".join(c for c in folded if not "\u0300" <= c <= "\u036f"))
    kept = "".join(c for c in plain if unicodedata.category(c) != "Cf")
    start, end = 0, len(kept)
    while start < end and unicodedata.category(kept[start])[0] in _EDGES:
        start += 1
    while end > start and unicodedata.category(kept[end - 1])[0] in _EDGES:
        end -= 1
    return " ".join(kept[start:end].split())


_WORDS: Final[Mapping[str, Meaning]] = {
    **{bare(word): "stop" for words in STOP.values() for word in words},
    **{bare(word): "start" for word in START},
}


def meaning(text: str) -> Meaning | None:
    """What a whole message means; None for anything but one of the words alone."""
    return _WORDS.get(bare(text)) if len(text) <= LONGEST else None
