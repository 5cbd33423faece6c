"""URLs: any text is a URL that comes out as it went in, or our error."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.codecs.url import MAX_URL, Url, _signs, origin_of, read_url
from gateway.errors import PayloadError

SIGNS = st.text(st.sampled_from("ahtps:/?#[]@!$&'()*+,;=%2B0.-_~ \\\"<>{}|^\n\0é"), max_size=30)


@given(text=st.text(max_size=40) | SIGNS | SIGNS.map(lambda s: "https://a.example" + s))
def test_any_text_is_a_url_or_our_error(text: str) -> None:
    try:
        url = read_url(text, "here")
    except PayloadError as error:
        assert (error.reason, error.place) == ("unparseable_body", "here")
        return
    assert str(url) == text
    assert url.scheme.lower() in ("", "http", "https")
    assert not url.scheme or url.authority


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("https://a.example/b/c?d=%2B1&e#f", Url("https", "a.example", "/b/c", "d=%2B1&e", "f")),
        ("HTTP://A.example:8080", Url("HTTP", "A.example:8080", "")),
        ("//a.example/b", Url("", "a.example", "/b")),
        ("/b?", Url("", "", "/b", "")),
        ("?a=b", Url("", "", "", "a=b")),
        ("b/c", Url("", "", "b/c")),
        ("https://[::1]:80/", Url("https", "[::1]:80", "/")),
        ("", Url("", "", "")),
    ],
)
def test_parts(text: str, parts: Url) -> None:
    assert read_url(text) == parts
    assert str(parts) == text
    assert parts.absolute is bool(parts.authority)


@pytest.mark.parametrize(
    "text",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "mailto:ana@example.com",
        "tel:+33639980001",
        "https:/a",
        "https://",
        "///a",
        "https://ana@a.example/",
        "https://a.example:x/",
        "https://a b/",
        "https://a.example\\@b/",
        "https://a.example/%2",
        "https://a.example/\tb",
        "https://é.example/",
        "https://a.example%2f/",
        "https://-a.example/",
        "/" + "a" * MAX_URL,
    ],
)
def test_what_is_read_in_more_than_one_way_is_refused(text: str) -> None:
    with pytest.raises(PayloadError) as caught:
        read_url(text)
    assert text not in str(caught.value)


def test_places_are_compared_as_they_are_reached() -> None:
    assert origin_of("API.Example.:443", "https") == origin_of("api.example", "HTTPS") == ("api.example", "")
    assert origin_of("a.example:80", "http") == ("a.example", "")
    assert origin_of("a.example:080", "http") == ("a.example", "")
    assert origin_of("a.example:80", "https") == ("a.example", "80")
    assert origin_of("a.example@b", "https") == ("", "")


@given(st.text("aZ09-._~:/?#[]@!$&'()*+,;=%4fG \\\n\té^", max_size=12))
def test_the_signs_are_those_of_the_rfc(text: str) -> None:
    """One at a time, as RFC 3986 lists them; the parser takes runs of them."""
    each = re.fullmatch(r"(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})*", text)
    assert (_signs(text) is not None) == (each is not None)
