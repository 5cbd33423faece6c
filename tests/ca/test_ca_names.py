"""Which names may stand in a leaf: a table of cases, and properties over all of them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.ca.names import Subtrees, canonical, chosen, matches, offered
from gateway.errors import CertificateError, UpstreamError

TREES = Subtrees.of(["*.crm.test", "api.calls.test"])

LABELS = st.sampled_from(["api", "eu", "crm", "test", "calls", "evil", "www", "xn--e1afmkfd", "a-b"])
HOSTS = st.lists(LABELS, min_size=1, max_size=5).map(".".join)
NAMES = st.one_of(HOSTS, HOSTS.map(lambda host: "*." + host), st.text(max_size=30))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("API.CRM.test", "api.crm.test"),
        ("api.crm.test.", "api.crm.test"),
        ("localhost", None),
        ("", None),
        (".", None),
        ("api..test", None),
        (".crm.test", None),
        ("-a.test", None),
        ("a-.test", None),
        ("a_b.test", None),
        ("10.0.0.1", None),
        ("::1", None),
        ("1.2.3.4.", None),
        ("crm.test\n", None),
        ("crm.test\0.evil.test", None),
        ("\u043arm.test", None),
        ("\u212a.test", None),  # the sign for kelvin, whose lower case is an ASCII k
        ("a" * 64 + ".test", None),
        (".".join(["a" * 60] * 5), None),
    ],
)
def test_what_is_a_host_name(text: str, name: str | None) -> None:
    assert canonical(text) == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("*.CRM.test", "*.crm.test"),
        ("*.test", None),
        ("*", None),
        ("*.*.crm.test", None),
        ("a*.crm.test", None),
        ("*a.crm.test", None),
        ("eu.*.crm.test", None),
    ],
)
def test_what_is_a_name_of_a_certificate(text: str, name: str | None) -> None:
    assert offered(text) == name


@pytest.mark.parametrize(
    ("host", "sans", "names"),
    [
        pytest.param("eu.crm.test", (), ("eu.crm.test",), id="no certificate yet"),
        pytest.param("EU.crm.test.", ("eu.crm.test",), ("eu.crm.test",), id="canonical"),
        pytest.param("eu.crm.test", ("*.crm.test", "crm.test"), ("*.crm.test",), id="a wildcard is kept"),
        pytest.param(
            "eu.crm.test", ("us.crm.test", "*.crm.test", "eu.crm.test"), ("*.crm.test", "eu.crm.test"),
            id="only what matches the host",
        ),
        pytest.param("api.calls.test", ("*.calls.test",), ("api.calls.test",), id="a wildcard too wide"),
        pytest.param("v2.api.calls.test", ("*.api.calls.test",), ("*.api.calls.test",), id="below a host"),
        pytest.param("eu.crm.test", ("evil.test", "10.0.0.1", "eu.crm.test"), ("eu.crm.test",), id="odd"),
        pytest.param("eu.crm.test", ("eu.crm.test", "EU.CRM.TEST"), ("eu.crm.test",), id="each once"),
    ],
)  # fmt: skip
def test_names_of_a_leaf(host: str, sans: tuple[str, ...], names: tuple[str, ...]) -> None:
    assert chosen(host, sans, TREES) == names


@pytest.mark.parametrize(
    "host",
    ["evil.test", "crm.test.evil.test", "xcrm.test", "calls.test", "127.0.0.1", "::1", "localhost", ""],
)
def test_a_host_outside_gets_none(host: str) -> None:
    with pytest.raises(CertificateError) as caught:
        chosen(host, (), TREES)
    assert caught.value.reason == "certificate_unavailable"
    assert not host or host not in str(caught.value)


@pytest.mark.parametrize("sans", [("us.crm.test",), ("*.eu.crm.test",), ("10.0.0.1",), ("",)])
def test_a_certificate_of_other_hosts_is_refused(sans: tuple[str, ...]) -> None:
    with pytest.raises(UpstreamError) as caught:
        chosen("eu.crm.test", sans, TREES)
    assert caught.value.reason == "upstream_untrusted"


@settings(deadline=None)
@given(host=NAMES, sans=st.lists(NAMES, max_size=6))
def test_every_name_matches_the_host_and_is_inside(host: str, sans: list[str]) -> None:
    try:
        names = chosen(host, sans, TREES)
    except (CertificateError, UpstreamError):
        return
    asked = canonical(host)
    assert asked is not None
    assert TREES.permits(asked)
    assert names
    for name in names:
        assert matches(name, asked)
        assert TREES.permits(name)
        assert name == asked or name in {offered(san) for san in sans}


@settings(deadline=None)
@given(host=HOSTS, sans=st.lists(NAMES, max_size=6))
def test_more_names_offered_never_give_a_name_nobody_offered(host: str, sans: list[str]) -> None:
    """What the upstream shows can only choose among names; it never widens what the host alone would get."""
    try:
        names = chosen(host, sans, TREES)
    except (CertificateError, UpstreamError):
        return
    try:
        alone = chosen(host, (), TREES)
    except CertificateError:
        pytest.fail("a leaf for a host that alone gets none")
    assert set(names) - set(alone) <= {offered(san) for san in sans}


@settings(deadline=None)
@given(st.lists(HOSTS, max_size=6), HOSTS)
def test_subtrees_keep_no_name_twice_and_lose_none(hosts: list[str], probe: str) -> None:
    known = [host for host in hosts if canonical(host)]
    trees = Subtrees.of(known)
    assert trees.permits(probe) == any(probe == host or probe.endswith("." + host) for host in known)
    assert not any(a != b and a.endswith("." + b) for a in trees.names for b in trees.names)


@pytest.mark.parametrize("host", ["com", "", "*.com", "10.0.0.0", "a b.test", "*"])
def test_no_constraint_of_one_label(host: str) -> None:
    with pytest.raises(CertificateError):
        Subtrees.of([host])


def test_subtrees_inside_others() -> None:
    assert Subtrees.of(["eu.crm.test"]).within(TREES)
    assert not Subtrees.of(["eu.crm.test", "calls.test"]).within(TREES)
    assert Subtrees.of(["*.crm.test", "eu.crm.test", "crm.test"]).names == ("crm.test",)
