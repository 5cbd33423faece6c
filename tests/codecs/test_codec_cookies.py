"""Cookies: exact text where nothing changed, the value as applications write it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.codecs.cookies import COOKIE, SET_COOKIE, CookiesCodec
from gateway.codecs.paths import compile_names
from gateway.codecs.program import REMOVED, Limits, Masker, Slot, Tally
from gateway.errors import InternalError, PayloadError

LIMITS = Limits()


def run(codec: CookiesCodec, text: str, mask: Masker, name: str = "a") -> str:
    it = compile_names([Slot(name, "c", mask=mask)], None)
    return codec.transform(text.encode(), it, Tally.of(it), LIMITS).decode()


@pytest.mark.parametrize(
    ("codec", "text", "shown", "want"),
    [
        (COOKIE, "a=1; b=2;  a = 3", "x", "a=x; b=2;  a = 3"),
        (COOKIE, "b=2;a=1", 'é";, ', "b=2;a=%C3%A9%22%3B%2C%20"),
        (COOKIE, "a=1; b=2", REMOVED, "b=2"),
        (COOKIE, "b=2; a=1; c", REMOVED, "b=2; c"),
        (COOKIE, "a=1", None, "a="),
        (COOKIE, "a; a=1", "x", "a; a=x"),
        (SET_COOKIE, "a=1; Path=/; a=2", "x", "a=x; Path=/; a=2"),
        (SET_COOKIE, "a=1; Path=/", REMOVED, "a=; Path=/"),
        (SET_COOKIE, "b=1; a=2", "x", "b=1; a=2"),
    ],
)
def test_only_what_is_masked_changes(codec: CookiesCodec, text: str, shown: object, want: str) -> None:
    assert run(codec, text, lambda _: shown) == want
    assert run(codec, text, lambda v: v) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a=ana%40x.example", "ana@x.example"),
        ('a="b c"', "b c"),
        ("a=%ff", "%ff"),
        ("a=b=c", "b=c"),
        ("a=", ""),
    ],
)
def test_what_a_value_is(text: str, value: str) -> None:
    it = compile_names([Slot("a", "c", subject="email")], None)
    found = COOKIE.find(COOKIE.parse(text.encode(), LIMITS), it)
    assert [(f.value, f.droppable) for f in found] == [(value, False)]
    with pytest.raises(InternalError):
        COOKIE.rewrite(COOKIE.parse(text.encode(), LIMITS), it, Tally.of(it), {0})


def test_any_other_cookie_and_one_without_a_name() -> None:
    assert run(COOKIE, "x=1; token; ; y=2", lambda _: "*", "*") == "x=*; =*; ; y=*"


@pytest.mark.parametrize("text", [b"a=\x01", b"a=\xff", b"a=1\r\nb=2", b";" * 20_000])
def test_refused(text: bytes) -> None:
    with pytest.raises(PayloadError) as caught:
        COOKIE.parse(text, LIMITS)
    assert (caught.value.reason, caught.value.place) == ("malformed_request", "cookie")


@given(st.text(alphabet="ab=; \t%4é\"'", max_size=20) | st.text(max_size=20))
def test_any_text_gives_cookies_or_our_error(text: str) -> None:
    for codec in (COOKIE, SET_COOKIE):
        try:
            assert codec.dump(codec.parse(text.encode("utf-8", "replace"), LIMITS)) == text.encode(
                "utf-8", "replace"
            )
        except PayloadError:
            continue


@given(st.lists(st.tuples(st.sampled_from("abc"), st.text(alphabet="xyz%", max_size=4)), max_size=5))
def test_no_seeded_secret_comes_out(pairs: list[tuple[str, str]]) -> None:
    text = "; ".join(f"{name}={value}" for name, value in [*pairs, ("a", "S3cret"), *pairs])
    assert "S3cret" not in run(COOKIE, text, lambda _: "*")
