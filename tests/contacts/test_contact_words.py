"""Opt-out words: as whole messages, in whatever way they are typed, and in nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.contacts.words import LONGEST, STOP, bare, meaning

WORDS = [(language, word) for language, words in STOP.items() for word in words]


@pytest.mark.parametrize(("language", "word"), WORDS, ids=[f"{a}-{b}" for a, b in WORDS])
def test_a_word_stops_however_it_is_typed(language: str, word: str) -> None:
    for typed in (word, word.upper(), f"  {word}. ", f"«{word}»!!", f"\n{word}\u200b", f"*{word}*"):
        assert meaning(typed) == "stop", typed
    assert meaning(f"{word} {word}") is None
    assert meaning(f"please {word}") is None
    assert meaning(f"{word}?x") is None


def test_there_are_more_than_ten_languages() -> None:
    assert len(STOP) > 10


@pytest.mark.parametrize(
    "text",
    [
        "ＳＴＯＰ",
        "ｓｔｏｐ",
        "StOp",
        "ARRET",
        "arrêt",
        "ARRÊT",
        "İptal",
        "IPTAL",
        "desabonner",
        "opt   out",
        "OPT-OUT",
    ],
)
def test_width_case_and_accents_make_no_difference(text: str) -> None:
    assert meaning(text) == "stop"


@pytest.mark.parametrize("text", ["START", " unstop. ", "Ｓｔａｒｔ"])
def test_two_words_bring_somebody_back(text: str) -> None:
    assert meaning(text) == "start"


@pytest.mark.parametrize(
    "text",
    ["", " ", "yes", "HELP", "info", "stop it", "don't stop", "stopping", "nonstop", "🛑", "1"],
)
def test_anything_else_means_nothing(text: str) -> None:
    assert meaning(text) is None


def test_a_long_text_is_not_looked_at() -> None:
    assert meaning("stop" + " " * LONGEST) is None


@given(st.text(max_size=30))
def test_any_text_has_a_bare_form(text: str) -> None:
    assert bare(bare(text)) == bare(text)
    meaning(text)
