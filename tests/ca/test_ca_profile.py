"""What the certificates hold, and what OpenSSL says of them, in good cases and in crafted bad ones."""

from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from gateway import clock
from gateway.ca import keystore, profile
from gateway.ca.authority import Issuer
from gateway.ca.mint import mint
from gateway.ca.names import Subtrees
from gateway.ca.profile import Parent, Span
from tests.ca.made import DAY, Made, make, private_key, verify


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return make(tmp_path)


@pytest.fixture
def issuer(made: Made) -> Issuer:
    return made.load().issuer(made.now)


def leaf_pem(made: Made, issuer: Issuer, *names: str, start: float = -1, end: float = DAY) -> bytes:
    """A leaf the policy of names would not give: crafted with the intermediate's key."""
    span = Span(made.now + start, made.now + end)
    crafted = profile.leaf(issuer.parent, names, private_key().public_key(), span)
    return keystore.encoded(crafted) + issuer.pem


def extension_ids(certificate: x509.Certificate) -> set[str]:
    return {extension.oid._name for extension in certificate.extensions}


def test_a_leaf_holds_what_a_server_needs_and_nothing_else(made: Made, issuer: Issuer) -> None:
    leaf = mint(issuer, ("eu.crm.test",), made.now).certificate
    assert extension_ids(leaf) == {
        "subjectKeyIdentifier",
        "authorityKeyIdentifier",
        "basicConstraints",
        "keyUsage",
        "extendedKeyUsage",
        "subjectAltName",
    }
    found = {extension.oid: extension.value for extension in leaf.extensions}
    usage = found[ExtensionOID.KEY_USAGE]
    assert isinstance(usage, x509.KeyUsage)
    assert usage.digital_signature and not usage.key_cert_sign and not usage.key_encipherment
    assert found[ExtensionOID.EXTENDED_KEY_USAGE] == x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    assert found[ExtensionOID.SUBJECT_ALTERNATIVE_NAME] == x509.SubjectAlternativeName(
        [x509.DNSName("eu.crm.test")]
    )
    identifier = found[ExtensionOID.AUTHORITY_KEY_IDENTIFIER]
    assert isinstance(identifier, x509.AuthorityKeyIdentifier)
    assert identifier.key_identifier == profile.key_id(issuer.parent.key.public_key())
    assert isinstance(leaf.signature_hash_algorithm, hashes.SHA256)


def test_an_intermediate_is_limited_in_every_way_there_is(made: Made, issuer: Issuer) -> None:
    held = issuer.certificate.extensions
    basic = held.get_extension_for_class(x509.BasicConstraints)
    assert basic.critical and basic.value.ca and basic.value.path_length == 0
    constraints = held.get_extension_for_class(x509.NameConstraints)
    assert constraints.critical
    assert profile.subtrees_of(issuer.certificate) == Subtrees(("api.calls.test", "crm.test"))
    assert len(constraints.value.excluded_subtrees or ()) == 2
    assert "cRLDistributionPoints" not in extension_ids(issuer.certificate)


def test_serials_are_long_and_never_the_same(made: Made, issuer: Issuer) -> None:
    serials = {mint(issuer, ("eu.crm.test",), made.now).certificate.serial_number for _ in range(20)}
    assert len(serials) == 20
    assert max(serials).bit_length() > 140 and all(0 < serial < 2**159 for serial in serials)


def test_every_leaf_has_its_own_key(made: Made, issuer: Issuer) -> None:
    keys = {mint(issuer, ("eu.crm.test",), made.now).key_pem for _ in range(5)}
    assert len(keys) == 5


@pytest.mark.parametrize("host", ["eu.crm.test", "crm.test", "api.calls.test"])
def test_openssl_accepts_a_leaf(made: Made, issuer: Issuer, tmp_path: Path, host: str) -> None:
    chain = mint(issuer, (host,), made.now).chain_pem
    assert verify(tmp_path, made.root.parent.certificate, chain, host).returncode == 0


REFUSED = {
    "outside the constraints": ("permitted subtree violation", ("evil.test",)),
    "one of several outside": ("permitted subtree violation", ("evil.test", "eu.crm.test")),
    "a wildcard above a constraint": ("permitted subtree violation", ("api.calls.test", "*.calls.test")),
}


@pytest.mark.parametrize("case", REFUSED)
def test_openssl_refuses_names_outside_the_constraints(
    made: Made, issuer: Issuer, tmp_path: Path, case: str
) -> None:
    text, names = REFUSED[case]
    chain = leaf_pem(made, issuer, *names)
    got = verify(tmp_path, made.root.parent.certificate, chain, names[0])
    assert got.returncode != 0 and text in got.stderr + got.stdout


def crafted(made: Made, issuer: Issuer, san: x509.GeneralName, *, ca: bool = False) -> x509.Certificate:
    """A certificate of another shape, by the intermediate's key."""
    return (
        x509.CertificateBuilder()
        .subject_name(profile.subject("crafted"))
        .issuer_name(issuer.certificate.subject)
        .public_key(private_key().public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(profile.moment(made.now - 60))
        .not_valid_after(profile.moment(made.now + DAY))
        .add_extension(x509.SubjectAlternativeName([san]), critical=False)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(profile._CA_USAGE if ca else profile._LEAF_USAGE, critical=True)
        .add_extension(x509.SubjectKeyIdentifier(profile.key_id(private_key().public_key())), critical=False)
        .add_extension(issuer.parent.authority, critical=False)
        .sign(issuer.parent.key, profile.HASH)
    )


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "::1", "2001:db8::1"])
def test_openssl_refuses_a_leaf_for_an_address(
    made: Made, issuer: Issuer, tmp_path: Path, address: str
) -> None:
    chain = keystore.encoded(crafted(made, issuer, x509.IPAddress(ip_address(address)))) + issuer.pem
    got = verify(tmp_path, made.root.parent.certificate, chain, "", "-verify_ip", address)
    assert got.returncode != 0 and "excluded subtree violation" in got.stderr + got.stdout


def test_openssl_refuses_a_ca_below_an_intermediate(made: Made, issuer: Issuer, tmp_path: Path) -> None:
    below = crafted(made, issuer, x509.DNSName("eu.crm.test"), ca=True)
    leaf = profile.leaf(
        Parent.of(below, private_key()),
        ("eu.crm.test",),
        private_key(8).public_key(),
        Span(made.now, made.now + DAY),
    )
    chain = keystore.encoded(leaf) + keystore.encoded(below) + issuer.pem
    got = verify(tmp_path, made.root.parent.certificate, chain, "eu.crm.test")
    assert got.returncode != 0 and "path length constraint exceeded" in got.stderr + got.stdout


def test_openssl_refuses_a_client_certificate_by_an_intermediate(
    made: Made, issuer: Issuer, tmp_path: Path
) -> None:
    chain = keystore.encoded(crafted(made, issuer, x509.DNSName("eu.crm.test"))) + issuer.pem
    got = verify(tmp_path, made.root.parent.certificate, chain, "eu.crm.test", "-purpose", "sslclient")
    assert got.returncode != 0


@pytest.mark.parametrize(("after", "good"), [(0, True), (DAY - 60, True), (DAY + 60, False), (-DAY, False)])
def test_openssl_and_time(made: Made, issuer: Issuer, tmp_path: Path, after: float, good: bool) -> None:
    chain = mint(issuer, ("eu.crm.test",), made.now).chain_pem
    moment = str(int(made.now + after))
    got = verify(tmp_path, made.root.parent.certificate, chain, "eu.crm.test", "-attime", moment)
    assert (got.returncode == 0) == good


@pytest.mark.parametrize(
    ("tree", "host", "good"),
    [
        ("crm.test", "eu.crm.test", True),
        ("calls.test", "calls.test", False),
        ("eu.crm.test", "crm.test", False),
    ],
)
def test_a_constrained_root_binds_its_intermediates(tmp_path: Path, tree: str, host: str, good: bool) -> None:
    now = clock.now()
    span = Span(now - 60, now + DAY)
    key, own = private_key(), private_key(8)
    root = profile.root(profile.subject("constrained"), key, span, Subtrees(("crm.test",)))
    below = profile.intermediate(
        Parent.of(root, key), profile.subject("below"), own.public_key(), span, Subtrees((tree,)), ""
    )
    leaf = profile.leaf(Parent.of(below, own), (host,), private_key(9).public_key(), span)
    chain = keystore.encoded(leaf) + keystore.encoded(below)
    assert (verify(tmp_path, root, chain, host).returncode == 0) == good


def test_a_name_too_long_for_a_common_name_stands_in_the_san_alone(made: Made, issuer: Issuer) -> None:
    host = "a" * 60 + ".crm.test"
    leaf = mint(issuer, (host,), made.now).certificate
    assert [attribute.value for attribute in leaf.subject] == ["Hushgate"]
    named = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert named.get_values_for_type(x509.DNSName) == [host]
