import base64
import hmac
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from gateway import keys
from gateway.errors import ConfigError
from gateway.keys import PREFIX, Keyring, generate, hkdf, load, read
from gateway.native import load as load_kernel

MASTER = bytes(range(32))
VALUES = st.text(st.characters(exclude_categories=())) | st.from_regex(r"\+[0-9]{6,15}", fullmatch=True)
KINDS = st.sampled_from(["phone", "email", "record", "other"])

RFC5869 = {  # appendices A.1, A.2, A.3: key, salt, info, length, output
    "A.1": (
        "0b" * 22,
        "000102030405060708090a0b0c",
        "f0f1f2f3f4f5f6f7f8f9",
        42,
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
    ),
    "A.2": (
        bytes(range(0x50)).hex(),
        bytes(range(0x60, 0xB0)).hex(),
        bytes(range(0xB0, 0x100)).hex(),
        82,
        (
            "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09"
            "da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87"
        ),
    ),
    "A.3": (
        "0b" * 22,
        "",
        "",
        42,
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
    ),
}


@pytest.mark.parametrize("name", RFC5869)
def test_hkdf_gives_the_outputs_of_rfc_5869(name: str) -> None:
    key, salt, info, length, output = RFC5869[name]
    assert hkdf(bytes.fromhex(key), bytes.fromhex(salt), bytes.fromhex(info), length).hex() == output


@given(st.text(), st.text(st.characters(exclude_characters="\0")))
def test_derive_is_hkdf_as_another_library_has_it(tenant: str, use: str) -> None:
    info = use.encode("utf-8", "surrogatepass") + b"\0" + tenant.encode()
    peer = HKDF(SHA256(), 32, salt=b"hushgate-key-v1", info=info).derive(MASTER)
    assert Keyring(MASTER).derive(tenant, use) == peer


@given(st.text(), KINDS, VALUES)
def test_a_pseudonym_is_the_truncated_hmac_of_the_standard_library(
    tenant: str, kind: str, value: str
) -> None:
    keyring = Keyring(MASTER, cached=2)
    message = kind.encode() + b"\0" + value.encode("utf-8", "surrogatepass")
    mac = hmac.new(keyring.derive(tenant, "pseudonym"), message, "sha256").digest()[:16]
    expected = base64.urlsafe_b64encode(mac).rstrip(b"=").decode()
    pseudonym = keyring.pseudonymiser(tenant)
    assert [pseudonym(kind, value), pseudonym(kind, value)] == [expected, expected]
    assert len(expected) == 22


@given(st.lists(st.text(), min_size=2, max_size=6, unique=True), KINDS, VALUES)
def test_no_two_tenants_share_a_pseudonym_or_a_key(tenants: list[str], kind: str, value: str) -> None:
    keyring = Keyring(MASTER)
    assert len({keyring.pseudonymiser(tenant)(kind, value) for tenant in tenants}) == len(tenants)
    assert len({keyring.derive(tenant, "masking") for tenant in tenants}) == len(tenants)


def test_kind_use_and_master_key_all_separate() -> None:
    pseudonym = Keyring(MASTER).pseudonymiser("a")
    assert pseudonym("phone", "1") != pseudonym("record", "1")
    assert Keyring(MASTER).derive("a", "masking") != Keyring(MASTER).derive("a", "pseudonym")
    assert Keyring(MASTER[::-1]).pseudonymiser("a")("phone", "1") != pseudonym("phone", "1")


def test_the_cache_keeps_tenants_and_kinds_apart_when_it_is_full() -> None:
    keyring = Keyring(MASTER, cached=3)
    asked = [(t, k, v) for t in "ab" for k in ("phone", "email") for v in "1234"]
    fresh = {key: Keyring(MASTER).pseudonymiser(key[0])(*key[1:]) for key in asked}
    for _ in range(3):
        assert {key: keyring.pseudonymiser(key[0])(*key[1:]) for key in asked} == fresh


def test_a_generated_line_is_loaded_again() -> None:
    line = generate(lambda size: MASTER[:size])
    assert line == b"hushgate-key-v1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\n"
    assert load(line).derive("t", "u") == Keyring(MASTER).derive("t", "u")
    assert generate() != generate()


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (b"", "another text"),
        (b"hushgate-key-v2:AAAA", "another text"),
        (PREFIX + b"AAAA", "a key of 3 bytes"),
        (PREFIX + b"A" * 44, "a key of 33 bytes"),
        (PREFIX + b"!" * 43, "not base64url"),
    ],
)
def test_a_wrong_line_is_a_config_error_without_the_line(line: bytes, found: str) -> None:
    with pytest.raises(ConfigError, match=found) as caught:
        load(line)
    assert "AAAA" not in str(caught.value)


@given(st.binary() | st.binary().map(lambda tail: PREFIX + tail))
def test_any_bytes_are_a_keyring_or_a_config_error(line: bytes) -> None:
    try:
        assert len(load(line).derive("t", "u")) == 32
    except ConfigError as error:
        assert error.problems[0].line >= 1


def test_a_master_key_of_another_size_is_refused() -> None:
    for masters in ({1: bytes(31)}, {1: bytes(32), 2: bytes(31)}):
        with pytest.raises(ConfigError, match="31 bytes"):
            Keyring(masters.pop(1), later=masters)


def test_every_epoch_has_a_token_key_and_all_else_stays_with_the_first() -> None:
    one, two = generate(lambda size: MASTER[:size]), generate(lambda size: MASTER[::-1][:size], 2)
    old, new = load(one), load(one + two)
    assert (old.epochs, new.epochs) == ((1,), (1, 2))
    assert new.token_keys("t") == {**old.token_keys("t"), 2: Keyring(MASTER[::-1]).derive("t", "token")}
    assert len({*new.token_keys("t").values(), *new.token_keys("u").values()}) == 4
    assert new.derive("t", "masking") == old.derive("t", "masking")
    assert new.pseudonymiser("t")("phone", "1") == old.pseudonymiser("t")("phone", "1")


def test_a_keyring_in_a_variable_may_stand_on_one_line() -> None:
    lines = generate() + generate(epoch=2) + generate(epoch=5)
    ring = load(lines.replace(b"\n", b" "))
    assert ring.epochs == (1, 2, 5)
    assert ring.token_keys("t") == load(lines).token_keys("t")


def test_only_a_private_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "keyring"
    file.write_bytes(generate(lambda size: MASTER[:size]))
    for mode in (0o600, 0o400):
        file.chmod(mode)
        assert read(file).derive("t", "u") == Keyring(MASTER).derive("t", "u")
    for mode in (0o644, 0o640, 0o604, 0o700, 0o610):
        file.chmod(mode)
        with pytest.raises(ConfigError, match=f"found mode {mode:04o}"):
            read(file)


def test_a_file_that_cannot_be_read_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read(tmp_path / "absent")


def test_the_master_key_is_not_in_the_repr() -> None:
    assert repr(MASTER) not in repr(Keyring(MASTER))


@pytest.mark.skipif(load_kernel("mackernel") is None, reason="no compiled kernel: the reference alone runs")
@given(st.binary(min_size=32, max_size=32), st.sampled_from(["phone", "email", "record", "x"]), st.text())
def test_compiled_pseudonym_is_the_reference_s(key: bytes, kind: str, value: str) -> None:
    kernel = load_kernel("mackernel")
    assert kernel is not None
    assert kernel.Mac(key).pseudonym(kind, value) == keys._Mac(key).pseudonym(kind, value)


def test_a_value_without_a_utf8_form_has_a_pseudonym_too() -> None:
    name = Keyring(bytes(32)).pseudonymiser("t")
    assert len(name("record", "\ud800")) == 22
    assert name("record", "\ud800") != name("record", "\ud801")
