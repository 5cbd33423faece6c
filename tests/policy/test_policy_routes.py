"""Which upstream a request is for."""

import pytest

from gateway.model import Upstream
from gateway.policy.routes import Routes


def upstream(name: str, *, prefix: str | None = None, host: str | None = None, tenants: str = "") -> Upstream:
    return Upstream(
        name=name,
        provider="crm",
        url="https://api.crm.example",
        region="FR",
        operator="OVH",
        prefix=prefix,
        host=host,
        tenants=tuple(tenants.split()),
    )


ROUTES = Routes(
    [
        upstream("short", prefix="/crm"),
        upstream("long", prefix="/crm/v2/"),
        upstream("acme's", prefix="/twice", tenants="acme"),
        upstream("others'", prefix="/twice", tenants="globex initech"),
        upstream("closed", prefix="/crm/v3", tenants="globex"),
        upstream("hosted", host="CRM.gw.example"),
        upstream("six", host="[2001:db8::1]"),
        upstream("hosted for one", host="one.gw.example", tenants="globex"),
    ]
)


@pytest.mark.parametrize(
    ("host", "path", "name", "rest"),
    [
        (b"gw.example", b"/crm/contacts/7", "short", b"/contacts/7"),
        (b"gw.example", b"/crm", "short", b"/"),
        (b"gw.example", b"/crm/", "short", b"/"),
        (b"gw.example", b"/crm/v2/contacts", "long", b"/contacts"),
        (b"gw.example", b"/crm/v2", "long", b"/"),
        (b"gw.example", b"/crm/v22/contacts", "short", b"/v22/contacts"),
        (b"gw.example", b"/crmx/contacts", None, b""),
        (b"gw.example", b"/CRM/contacts", None, b""),
        (b"gw.example", b"//crm/contacts", None, b""),
        (b"gw.example", b"/", None, b""),
        (b"gw.example", b"*", None, b""),
        (b"gw.example", b"/twice/a", "acme's", b"/a"),
        (b"gw.example", b"/crm/v3/a", None, b""),
        (b"crm.gw.example", b"/contacts", "hosted", b"/contacts"),
        (b"Crm.GW.example:8443", b"/crm/v2/contacts", "hosted", b"/crm/v2/contacts"),
        (b"crm.gw.example.", b"/contacts", None, b""),
        (b"[2001:db8::1]:8080", b"/a", "six", b"/a"),
        (b"[2001:DB8::1]", b"/a", "six", b"/a"),
        (b"one.gw.example", b"/crm/contacts", None, b""),
    ],
)
def test_where_it_goes(host: bytes, path: bytes, name: str | None, rest: bytes) -> None:
    found = ROUTES.find(host, path, "acme")
    assert (found.upstream.name if found else None) == name
    assert found is None or found.path == rest


def test_the_same_prefix_leads_each_tenant_to_its_own() -> None:
    assert [
        found.upstream.name if (found := ROUTES.find(b"x", b"/twice/a", tenant)) else None
        for tenant in ("acme", "globex", "hooli")
    ] == ["acme's", "others'", None]


def test_a_root_prefix_takes_what_no_other_does() -> None:
    routes = Routes([upstream("root", prefix="/"), upstream("crm", prefix="/crm")])
    assert [
        (found.upstream.name, found.path) if (found := routes.find(b"x", path, "acme")) else None
        for path in (b"/a/b", b"/crm/b", b"/crmx", b"/")
    ] == [("root", b"/a/b"), ("crm", b"/b"), ("root", b"/crmx"), ("root", b"/")]
