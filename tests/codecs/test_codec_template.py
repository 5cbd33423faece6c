"""Paths that could be read in two ways are refused; templates fit what they should."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.codecs.template import expand, match, split_path, validate_template
from gateway.errors import PayloadError


@pytest.mark.parametrize(
    "path",
    [
        b"",
        b"a",
        b"//",
        b"/a//b",
        b"/./a",
        b"/a/..",
        b"/%2e%2E/a",
        b"/.%2e",
        b"/a%2fb",
        b"/a%5Cb",
        b"/a%00",
        b"/a%",
        b"/a%2",
        b"/a%zz",
        b"/a;b",
        b"/a\\b",
        b"/\xc3\xa9",
        b"/%ff",
        b"/a%252fb",
        b"/a%25%32f",
        b"/a?b",
        b"/a#b",
        b"/a b",
        b"*",
        b"/a%0d%0a",
    ],
)
def test_ambiguous_paths_are_refused(path: bytes) -> None:
    with pytest.raises(PayloadError) as caught:
        split_path(path)
    assert caught.value.reason == "malformed_request"


@pytest.mark.parametrize(
    ("path", "segments"),
    [
        (b"/", [""]),
        (b"/a/b/", ["a", "b", ""]),
        (b"/%2B336", ["+336"]),
        (b"/+336", ["+336"]),
        (b"/.a/b..", [".a", "b.."]),
        (b"/%C3%A9", ["é"]),
        (b"/100%25", ["100%"]),
    ],
)
def test_split(path: bytes, segments: list[str]) -> None:
    assert split_path(path) == segments


@pytest.mark.parametrize(
    ("path", "template", "params"),
    [
        (b"/v1/%2B336", "/v1/{n}", {"n": "+336"}),
        (b"/R/RE1.mp3", "/R/{Sid}.mp3", {"Sid": "RE1"}),
        (b"/R/.mp3", "/R/{Sid}.mp3", None),
        (b"/R/RE1.wav", "/R/{Sid}.mp3", None),
        (b"/a/b", "/a", None),
        (b"/a/", "/a/{x}", None),
        (b"/b", "/a", None),
    ],
)
def test_match(path: bytes, template: str, params: dict[str, str] | None) -> None:
    assert match(path, template) == params


@pytest.mark.parametrize("template", ["a", "", "/{a}{b}", "/{a}/{a}", "/{", "/a}b", "/{}", "/{a b}"])
def test_bad_templates(template: str) -> None:
    assert validate_template(template)


@given(st.text(min_size=1, max_size=8))
def test_expand_is_read_back_or_refused(value: str) -> None:
    path = expand("/a/{x}.json", {"x": value}) if value.isprintable() else b"/a%00"
    try:
        assert match(path, "/a/{x}.json") == {"x": value}
    except PayloadError:
        assert not value.isprintable() or set(value) & set("/\\%")


@given(st.binary(max_size=20))
def test_any_bytes_give_segments_or_our_error(path: bytes) -> None:
    try:
        segments = split_path(path)
    except PayloadError:
        return
    assert not {".", ".."} & set(segments)
    assert not any("/" in segment for segment in segments)
