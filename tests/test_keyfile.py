"""The text of a keyring: epochs, wrapped keys, rotation, and what is said of a wrong line."""

import base64
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ConfigError
from gateway.keyfile import LAST, PREFIX, generate, parse, rotated
from gateway.kms import Kms
from gateway.plugged import Find

ONE, TWO, NINE = (bytes([n]) * 32 for n in (1, 2, 9))


def line(key: bytes, head: str = "") -> bytes:
    return PREFIX + head.encode() + base64.urlsafe_b64encode(key).rstrip(b"=") + b"\n"


def no_kms(name: str) -> object:
    raise LookupError(name)


class Reversing:
    """A KMS for tests: what it wraps stands backwards."""

    def unwrap(self, wrapped: bytes) -> bytes:
        return wrapped[::-1]


def kms(plugin: object) -> Find:
    return {"house": plugin}.__getitem__


@pytest.mark.parametrize(
    ("text", "masters"),
    [
        (line(ONE), {1: ONE}),
        (line(ONE, "1:"), {1: ONE}),
        (line(ONE) + line(TWO, "2:"), {1: ONE, 2: TWO}),
        (line(ONE) + b"\r\n\n  " + line(NINE, "9:"), {1: ONE, 9: NINE}),
        (line(ONE) + line(TWO, "255:"), {1: ONE, LAST: TWO}),
        (line(ONE).strip() + b"=", {1: ONE}),
    ],
)
def test_a_line_is_an_epoch(text: bytes, masters: dict[int, bytes]) -> None:
    assert parse(text, "k", no_kms) == masters


@pytest.mark.parametrize(
    ("text", "place", "found"),
    [
        (b"", "1:1", "another text"),
        (b"\n\n", "1:1", "another text"),
        (line(TWO, "2:"), "1:", "epoch 2"),
        (line(ONE) + line(TWO), "2:", "epoch 1"),
        (line(ONE) + line(NINE, "9:") + line(TWO, "2:"), "3:", "epoch 2"),
        (line(ONE) + line(TWO, "2:") + line(NINE, "2:"), "3:", "epoch 2"),
        (line(ONE) + b"# a remark", "2:1", "another text"),
        (line(ONE, "0:"), "1:1", "something else before the key"),
        (line(ONE, "01:"), "1:1", "something else before the key"),
        (line(ONE, "256:"), "1:1", "something else before the key"),
        (line(ONE, "-1:"), "1:1", "something else before the key"),
        (line(ONE, ":"), "1:1", "something else before the key"),
        (line(ONE) + line(ONE[:31], "2:"), "2:19", "a key of 31 bytes"),
        (line(ONE) + PREFIX + b"2:" + b"!" * 43, "2:19", "a key that is not base64url"),
        (line(ONE, "1::"), "1:1", "another text"),
        (line(ONE, "1:\u00e9:"), "1:1", "another text"),
        (line(ONE, "1:house:x:"), "1:1", "another text"),
    ],
)
def test_a_wrong_line_has_its_place_and_is_not_quoted(text: bytes, place: str, found: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text, "k", no_kms)
    said = str(caught.value)
    assert said.startswith(f"k:{place}")
    assert found in said
    assert base64.urlsafe_b64encode(ONE)[:20].decode() not in said


@given(
    st.binary()
    | st.lists(st.sampled_from([PREFIX, b"1:", b"2:", b"house:", ONE, b"\n", line(ONE), b"A" * 43])).map(
        b"".join
    )
)
def test_any_bytes_are_keys_or_a_config_error(text: bytes) -> None:
    try:
        masters = parse(text, "k", kms(Reversing()))
    except ConfigError as error:
        assert error.problems
    else:
        assert min(masters) == 1
        assert all(len(key) == 32 for key in masters.values())


# ---- wrapped keys ---------------------------------------------------------------------------------------


def test_a_kms_unwraps_keys() -> None:
    plain = bytes(range(32))
    text = line(plain[::-1], "1:house:") + line(TWO, "2:")
    assert isinstance(Reversing(), Kms)
    assert parse(text, "k", kms(Reversing())) == {1: plain, 2: TWO}


class Failing:
    def unwrap(self, wrapped: bytes) -> bytes:
        raise RuntimeError(wrapped.hex())


class Short:
    def unwrap(self, wrapped: bytes) -> bytes:
        return wrapped[:16]


class Text:
    def unwrap(self, wrapped: bytes) -> str:
        return "a" * 32


@pytest.mark.parametrize(
    ("plugin", "found"),
    [
        (Failing(), "a KMS plugin that failed (RuntimeError at "),
        (Short(), "a KMS plugin that unwraps no key"),
        (Text(), "a KMS plugin that unwraps no key"),
        (None, "a KMS plugin that unwraps no key"),
    ],
)
def test_a_kms_that_gives_no_key_stops_the_start(plugin: object, found: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(line(ONE, "1:house:"), "k", kms(plugin))
    assert found in str(caught.value)
    assert ONE.hex() not in str(caught.value)


def test_a_kms_that_is_not_installed_is_named_as_a_group() -> None:
    with pytest.raises(ConfigError, match=r"k:1:\d+: found the name of no KMS plugin, .* hushgate\.kms"):
        parse(line(ONE, "1:acme:"), "k")


def test_an_installed_kms_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "acme_hushgate-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-hushgate\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[hushgate.kms]\nacme = acme_hushgate:kms\n")
    (tmp_path / "acme_hushgate.py").write_text(
        "class Kms:\n    def unwrap(self, wrapped):\n        return wrapped[::-1]\n\n\nkms = Kms()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    plain = bytes(range(32))
    assert parse(line(plain[::-1], "1:acme:"), "k") == {1: plain}


# ---- rotation -------------------------------------------------------------------------------------------


def test_rotation_adds_the_next_epoch_and_leaves_the_others_as_they_are() -> None:
    text = line(ONE) + line(NINE, "9:house:")
    after, epoch = rotated(text, "k", lambda size: TWO[:size])
    assert (after, epoch) == (text + line(TWO, "10:"), 10)


def test_rotation_of_a_text_that_is_no_keyring_is_refused() -> None:
    with pytest.raises(ConfigError, match="another text"):
        rotated(b"secret", "k")


def test_there_is_no_epoch_after_the_last() -> None:
    with pytest.raises(ConfigError, match="epoch 255"):
        rotated(line(ONE) + line(TWO, f"{LAST}:"), "k")


def test_a_generated_line_of_a_later_epoch_says_so() -> None:
    assert generate(lambda size: TWO[:size], 2) == line(TWO, "2:")
