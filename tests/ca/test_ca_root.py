"""The root: what it issues, refuses and revokes, and what its ledger remembers."""

from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from gateway import clock
from gateway.ca import keystore, profile, rotation
from gateway.ca import root as roots
from gateway.ca.names import Subtrees
from gateway.errors import CertificateError, ConfigError
from gateway.secret import Secret
from tests.ca.made import DAY, HOSTS, Made, make, openssl, private_key

PASSPHRASE = Secret("correct horse battery staple")


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return make(tmp_path)


def asked(hosts: tuple[str, ...] = HOSTS) -> x509.CertificateSigningRequest:
    return (
        x509.CertificateSigningRequestBuilder()
        .subject_name(profile.subject("asked"))
        .add_extension(profile.constraints(Subtrees.of(hosts)), critical=True)
        .sign(private_key(), profile.HASH)
    )


def test_a_root_is_opened_again(made: Made) -> None:
    opened = roots.open_root(made.root.folder)
    assert opened.ledger == made.root.ledger
    assert opened.parent.certificate == made.root.parent.certificate
    [entry] = opened.ledger.issued
    assert entry.hosts == Subtrees.of(HOSTS).names
    assert entry.end - made.now == pytest.approx(30 * DAY, abs=1)


def test_an_encrypted_root(tmp_path: Path) -> None:
    made = make(tmp_path, passphrase=PASSPHRASE)
    assert roots.open_root(made.root.folder, PASSPHRASE).ledger == made.root.ledger
    for wrong in (None, Secret("wrong horse battery staple")):
        with pytest.raises(ConfigError):
            roots.open_root(made.root.folder, wrong)


def test_a_root_is_never_written_over(made: Made) -> None:
    with pytest.raises(FileExistsError):
        roots.create(made.root.folder, Subtrees.of(HOSTS), made.now)
    roots.open_root(made.root.folder)


@pytest.mark.parametrize(
    "hosts",
    [("evil.test",), ("*.crm.test", "evil.test"), ("calls.test",)],
    ids=["other", "one more", "wider"],
)
def test_a_root_issues_for_its_names_only(made: Made, hosts: tuple[str, ...]) -> None:
    with pytest.raises(CertificateError, match="outside the root's"):
        roots.issue(made.root, asked(hosts), made.now)


def test_a_root_issues_for_fewer_names(made: Made) -> None:
    _, issued = roots.issue(made.root, asked(("eu.crm.test",)), made.now)
    assert profile.subtrees_of(issued.certificate) == Subtrees(("eu.crm.test",))


def test_what_a_root_vouches_for_can_grow(made: Made) -> None:
    wider = roots.vouch(made.root, Subtrees.of(["new.test.example"]))
    assert roots.open_root(made.root.folder).ledger.hosts == wider.ledger.hosts
    roots.issue(wider, asked(("new.test.example",)), made.now)


def test_what_a_constrained_root_vouches_for_cannot(tmp_path: Path) -> None:
    root = roots.create(tmp_path / "root", Subtrees.of(["crm.test"]), clock.now(), constrained=True)
    assert roots.vouch(root, Subtrees.of(["eu.crm.test"])).ledger.hosts == ("crm.test",)
    with pytest.raises(CertificateError, match="constrained"):
        roots.vouch(root, Subtrees.of(["evil.test"]))


def test_a_request_that_asks_for_no_names(made: Made) -> None:
    bare = x509.CertificateSigningRequestBuilder().subject_name(profile.subject("bare"))
    with pytest.raises(CertificateError, match="no names"):
        roots.issue(made.root, bare.sign(private_key(), profile.HASH), made.now)


def test_a_request_of_another_kind_of_key(made: Made) -> None:
    bare = x509.CertificateSigningRequestBuilder().subject_name(profile.subject("bare"))
    with pytest.raises(CertificateError, match="P-256"):
        roots.issue(made.root, bare.sign(rsa.generate_private_key(65537, 2048), profile.HASH), made.now)


def test_a_request_is_no_way_to_other_extensions(made: Made) -> None:
    """Nothing of a request but its key, its name and its subtrees reaches the certificate."""
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(profile.subject("asked"))
        .add_extension(profile.constraints(Subtrees(("eu.crm.test",))), critical=True)
        .add_extension(x509.BasicConstraints(ca=True, path_length=5), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("evil.test")]), critical=False)
        .sign(private_key(), profile.HASH)
    )
    found = roots.issue(made.root, request, made.now)[1].certificate.extensions
    assert found.get_extension_for_class(x509.BasicConstraints).value.path_length == 0
    with pytest.raises(x509.ExtensionNotFound):
        found.get_extension_for_class(x509.SubjectAlternativeName)


def test_an_ended_root_issues_nothing_and_nothing_outlives_it(made: Made) -> None:
    end = profile.span_of(made.root.parent.certificate).end
    _, issued = roots.issue(made.root, asked(), end - DAY)
    assert profile.span_of(issued.certificate).end == end
    for moment in (end, made.now - DAY):
        with pytest.raises(CertificateError, match="not valid now"):
            roots.issue(made.root, asked(), moment)


# ---- revocation ----------------------------------------


def checked(made: Made, crl: x509.CertificateRevocationList, where: Path, now: float) -> str:
    """What `openssl verify -crl_check` says of the gateway's intermediates."""
    (where / "crl.pem").write_bytes(keystore.encoded(crl))
    [file] = made.folder.glob("intermediate-*.pem")
    files = ("-CAfile", made.folder / "root.pem", "-CRLfile", where / "crl.pem", file)
    got = openssl("verify", "-x509_strict", "-crl_check", "-attime", str(int(now)), *files)
    return got.stdout + got.stderr


def test_openssl_refuses_a_revoked_intermediate(made: Made, tmp_path: Path) -> None:
    crl = roots.revocations(made.root, made.now)
    assert "OK" in checked(made, crl, tmp_path, made.now)
    name = made.root.ledger.issued[0].name
    root, crl = roots.revoke(made.root, name, made.now, "compromise")
    assert "certificate revoked" in checked(made, crl, tmp_path, made.now)
    [entry] = crl
    assert entry.extensions.get_extension_for_class(x509.CRLReason).value.reason.value == "keyCompromise"
    assert root.ledger.issued[0].revoked == int(made.now)


def test_openssl_refuses_a_list_that_was_not_renewed(made: Made, tmp_path: Path) -> None:
    crl = roots.revocations(made.root, made.now, days=10)
    assert "OK" in checked(made, crl, tmp_path, made.now + 9 * DAY)
    assert "CRL has expired" in checked(made, crl, tmp_path, made.now + 11 * DAY)


@pytest.mark.parametrize("spelt", ["{name}", "intermediate-{name}", "{serial}"])
def test_an_intermediate_is_revoked_by_name_or_serial(made: Made, spelt: str) -> None:
    entry = made.root.ledger.issued[0]
    name = spelt.format(name=entry.name, serial=entry.serial)
    _, crl = roots.revoke(made.root, name, made.now, "superseded")
    assert [row.serial_number for row in crl] == [int(entry.serial, 16)]


def test_who_was_never_issued_cannot_be_revoked(made: Made) -> None:
    with pytest.raises(CertificateError):
        roots.revoke(made.root, "abcdef", made.now, "compromise")


def test_revoking_again_keeps_the_first_date_and_reason(made: Made) -> None:
    name = made.root.ledger.issued[0].name
    root, _ = roots.revoke(made.root, name, made.now, "compromise")
    root, crl = roots.revoke(root, name, made.now + DAY, "ended")
    assert (root.ledger.issued[0].revoked, root.ledger.issued[0].reason) == (int(made.now), "compromise")
    assert len(list(crl)) == 1


def test_lists_have_rising_numbers(made: Made) -> None:
    def number(crl: x509.CertificateRevocationList) -> int:
        return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number

    root, first = roots.revoke(made.root, made.root.ledger.issued[0].name, made.now, "ended")
    root, issued = roots.issue(root, asked(), made.now)
    assert number(first) < number(issued.crl)
    assert len(list(issued.crl)) == 1, "a revoked one stays on the list"


def test_an_ended_intermediate_leaves_the_list(made: Made) -> None:
    root, crl = roots.revoke(made.root, made.root.ledger.issued[0].name, made.now, "ended")
    assert len(list(crl)) == 1
    assert len(list(roots.revocations(root, made.now + 31 * DAY))) == 0


def test_where_the_list_is_stands_in_the_intermediate(tmp_path: Path) -> None:
    url = "http://pki.acme.example/hushgate.crl"
    root = roots.create(tmp_path / "root", Subtrees.of(HOSTS), make(tmp_path / "m").now, crl_url=url)
    _, issued = roots.issue(root, asked(), profile.span_of(root.parent.certificate).start + 7200)
    points = issued.certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    assert [name.value for point in points for name in point.full_name or ()] == [url]


# ---- the ledger ----------------------------------------


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b'{"hosts": 1}', b'{"hosts": [], "more": 1}', b"\xff"])
def test_a_ledger_that_is_none(made: Made, text: bytes) -> None:
    (made.root.folder / "ledger.json").write_bytes(text)
    with pytest.raises(ConfigError):
        roots.open_root(made.root.folder)


def test_another_key_beside_the_root(made: Made) -> None:
    file = made.root.folder / "root.key"
    file.unlink()
    keystore.create(file, keystore.pem(private_key(), None))
    with pytest.raises(ConfigError, match="the root's own key"):
        roots.open_root(made.root.folder)


def test_the_ledger_knows_of_everything_that_was_issued(made: Made) -> None:
    made.add(made.now + DAY)
    ledger = msgspec.json.decode((made.root.folder / "ledger.json").read_bytes(), type=roots.Ledger)
    serials = {f"{issuer.certificate.serial_number:x}" for issuer in made.load().issuers}
    assert {entry.serial for entry in ledger.issued} == serials
    assert {f"intermediate-{entry.name}" for entry in ledger.issued} == {
        issuer.name for issuer in made.load().issuers
    }


def test_a_request_made_on_a_gateway_is_issued_elsewhere(made: Made, tmp_path: Path) -> None:
    """As files, the way they travel between two machines."""
    request = rotation.request(tmp_path / "second", Subtrees.of(["eu.crm.test"]))
    travelled = x509.load_pem_x509_csr(keystore.encoded(request.csr))
    _, issued = roots.issue(made.root, travelled, made.now)
    back = roots.Issued(
        x509.load_pem_x509_certificate(keystore.encoded(issued.certificate)),
        x509.load_pem_x509_crl(keystore.encoded(issued.crl)),
    )
    rotation.install(tmp_path / "second", back, made.root.parent.certificate)
    assert (tmp_path / "second" / f"intermediate-{request.name}.pem").exists()
