"""The life of an intermediate, and what an authority's folder must hold to be used."""

from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.ca import authority, keystore, profile, rotation
from gateway.ca import root as roots
from gateway.ca.names import Subtrees
from gateway.ca.profile import Parent, Span
from gateway.errors import CertificateError, ConfigError
from gateway.secret import Secret
from tests.ca.made import DAY, Made, make, private_key, verify


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return make(tmp_path)


def test_an_overlap(made: Made, tmp_path: Path) -> None:
    """Clients that trust the root accept leaves of both, and leaves are minted by the newer one."""
    old = made.minter().leaf("eu.crm.test")
    later = made.now + 20 * DAY
    made.add(later)
    new = made.minter(later).leaf("eu.crm.test")
    assert new.issuer.certificate != old.issuer.certificate
    root = made.root.parent.certificate
    for leaf, moment in ((old, made.now), (new, later)):
        got = verify(tmp_path, root, leaf.chain_pem, "eu.crm.test", "-attime", str(int(moment)))
        assert got.returncode == 0, got.stderr


def test_states_over_time(made: Made) -> None:
    made.add(made.now + 20 * DAY)
    loaded = made.load()
    new, old = (issuer.name for issuer in loaded.issuers)
    day = {n: rotation.states(loaded, made.now + n * DAY) for n in (0, 21, 31, 60)}
    assert day[0] == {new: "waiting", old: "current"}
    assert day[21] == {new: "current", old: "overlapping"}
    assert day[31] == {new: "current", old: "ended"}
    assert day[60] == {new: "ended", old: "ended"}
    with pytest.raises(CertificateError):
        loaded.issuer(made.now + 60 * DAY)


def test_the_next_is_due_when_a_third_is_left(made: Made) -> None:
    [issuer] = made.load().issuers
    assert rotation.due(issuer) == pytest.approx(made.now + 20 * DAY, abs=3600)


def test_ended_keys_are_removed(made: Made) -> None:
    made.add(made.now + 20 * DAY)
    new, old = (issuer.name for issuer in made.load().issuers)
    assert rotation.prune(made.folder, made.now + 29 * DAY) == ()
    assert rotation.prune(made.folder, made.now + 31 * DAY) == (old,)
    assert sorted(file.name for file in made.folder.glob("intermediate-*")) == [f"{new}.key", f"{new}.pem"]


def test_a_request_without_its_answer_is_no_issuer(made: Made) -> None:
    rotation.request(made.folder, made.root.subtrees)
    assert len(made.load().issuers) == 1


def test_a_revoked_intermediate_is_not_used(made: Made) -> None:
    made.add(made.now)
    first = made.root.ledger.issued[0].name
    _, crl = roots.revoke(made.root, first, made.now, "compromise")
    rotation.publish(made.folder, crl)
    loaded = made.load()
    assert loaded.revoked == (f"intermediate-{first}",)
    assert [issuer.name for issuer in loaded.issuers] == [f"intermediate-{made.root.ledger.issued[1].name}"]


def test_an_older_list_does_not_bring_a_revoked_one_back(made: Made) -> None:
    before = roots.revocations(made.root, made.now)
    root, crl = roots.revoke(made.root, made.root.ledger.issued[0].name, made.now, "compromise")
    rotation.publish(made.folder, crl)
    with pytest.raises(CertificateError, match="older"):
        rotation.publish(made.folder, before)
    rotation.publish(made.folder, roots.revocations(root, made.now + DAY))
    assert made.load().issuers == ()


def test_a_list_of_another_root(made: Made, tmp_path: Path) -> None:
    other = make(tmp_path / "other")
    crl = roots.revocations(other.root, other.now)
    with pytest.raises(CertificateError, match="another root's"):
        rotation.publish(made.folder, crl)
    (made.folder / "crl.pem").write_bytes(keystore.encoded(crl))
    with pytest.raises(ConfigError, match="somebody else"):
        made.load()


def test_a_list_that_is_none(made: Made) -> None:
    (made.folder / "crl.pem").write_bytes(b"hello")
    with pytest.raises(ConfigError, match="no list"):
        made.load()


def _install(made: Made, certificate: x509.Certificate) -> None:
    rotation.install(made.folder, roots.Issued(certificate, roots.revocations(made.root, made.now)))


def test_an_intermediate_of_another_root_is_not_installed(made: Made, tmp_path: Path) -> None:
    other = make(tmp_path / "other")
    request = rotation.request(made.folder, made.root.subtrees)
    _, issued = roots.issue(other.root, request.csr, made.now)
    with pytest.raises(ConfigError, match="did not issue"):
        rotation.install(made.folder, issued)


def test_an_intermediate_whose_key_is_elsewhere_is_not_installed(made: Made, tmp_path: Path) -> None:
    request = rotation.request(tmp_path / "second", made.root.subtrees)
    _, issued = roots.issue(made.root, request.csr, made.now)
    with pytest.raises(ConfigError, match="key is not here"):
        rotation.install(made.folder, issued)


SPAN_DAYS = 30


@pytest.mark.parametrize("lack", ["constraints", "path length", "CA"])
def test_an_intermediate_that_is_not_limited_is_not_used(made: Made, lack: str) -> None:
    """Even where the root signed it: the gateway holds no key that could do more than it should."""
    parent, key = made.root.parent, private_key()
    builder = (
        x509.CertificateBuilder()
        .subject_name(profile.subject("unlimited"))
        .issuer_name(parent.certificate.subject)
        .public_key(key.public_key())
        .serial_number(5)
        .not_valid_before(profile.moment(made.now))
        .not_valid_after(profile.moment(made.now + SPAN_DAYS * DAY))
    )
    if lack != "constraints":
        builder = builder.add_extension(profile.constraints(Subtrees(("crm.test",))), critical=True)
    if lack != "CA":
        length = None if lack == "path length" else 0
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=length), critical=True)
    found = builder.sign(parent.key, hashes.SHA256())
    name = made.folder / f"intermediate-{profile.key_id(key.public_key()).hex()[:16]}"
    keystore.create(name.with_suffix(".key"), keystore.pem(key, None))
    with pytest.raises(ConfigError):
        _install(made, found)
    keystore.create(name.with_suffix(".pem"), keystore.encoded(found))
    with pytest.raises(ConfigError):
        made.load()


def test_the_key_of_another_intermediate(made: Made) -> None:
    [file] = made.folder.glob("*.key")
    file.unlink()
    keystore.create(file, keystore.pem(private_key(), None))
    with pytest.raises(ConfigError, match="the key of another certificate"):
        made.load()


def test_a_key_that_is_gone(made: Made) -> None:
    [file] = made.folder.glob("*.key")
    file.unlink()
    with pytest.raises(ConfigError):
        made.load()


@pytest.mark.parametrize("kind", ["intermediate", "text", "none", "leaf"])
def test_a_root_that_is_none(made: Made, kind: str) -> None:
    [intermediate] = made.folder.glob("intermediate-*.pem")
    file = made.folder / "root.pem"
    own = private_key()
    span = Span(made.now, made.now + DAY)
    signed = profile.leaf(Parent.of(made.root.parent.certificate, own), ("crm.test",), own.public_key(), span)
    texts = {"intermediate": intermediate.read_bytes(), "text": b"hello", "leaf": keystore.encoded(signed)}
    file.unlink()
    if kind in texts:
        file.write_bytes(texts[kind])
    with pytest.raises(ConfigError):
        made.load()


def test_encrypted_intermediates(tmp_path: Path) -> None:
    passphrase = Secret("correct horse battery staple")
    made = make(tmp_path, passphrase=passphrase)
    assert len(made.load(passphrase).issuers) == 1
    for wrong in (None, Secret("another passphrase")):
        with pytest.raises(ConfigError):
            made.load(wrong)


@settings(max_examples=40, deadline=None)
@given(data=st.binary(max_size=100), name=st.sampled_from(["root.pem", "crl.pem", "intermediate-x.pem"]))
def test_any_bytes_in_a_folder_give_an_authority_or_our_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, name: str
) -> None:
    made = make(tmp_path_factory.mktemp("authority"))
    (made.folder / name).write_bytes(data)
    with pytest.raises(ConfigError):
        authority.load(made.folder)
