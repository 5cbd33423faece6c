"""Links of one click: nobody but the gateway makes one, and nothing in them can be changed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import PayloadError
from gateway.webhooks.links import MAX_TOKEN, Link, mint, read

KEYS = {"acme": b"k" * 32, "other": b"o" * 32}
LINK = Link(tenant="acme", subject="p" * 22, until=1000, channel="email", purpose="marketing", sender="news")


def refused(token: str, now: float = 0.0) -> str:
    with pytest.raises(PayloadError) as caught:
        read(token, KEYS.get, now)
    return caught.value.reason


def test_what_is_minted_is_read() -> None:
    token = mint(KEYS["acme"], LINK)
    assert read(token, KEYS.get, 1000.0) == LINK
    assert len(token) < 120
    assert refused(token, 1001.0) == "link_expired"


@given(st.data())
def test_no_sign_of_a_link_can_be_changed(data: st.DataObject) -> None:
    token = mint(KEYS["acme"], LINK)
    at = data.draw(st.integers(0, len(token) - 1))
    sign = data.draw(st.sampled_from("ABCabc019-_."))
    changed = token[:at] + sign + token[at + 1 :]
    if changed != token:
        assert refused(changed) == "link_invalid"


@pytest.mark.parametrize("key", [KEYS["other"], b""])
def test_the_key_of_another_tenant_makes_no_link(key: bytes) -> None:
    assert refused(mint(key, LINK)) == "link_invalid"


def test_a_tenant_that_is_gone_has_no_links() -> None:
    link = Link(tenant="gone", subject="p", until=1000)
    assert refused(mint(KEYS["acme"], link)) == "link_invalid"


@given(st.text(max_size=60))
def test_any_text_is_refused(text: str) -> None:
    assert refused(text) == "link_invalid"


def test_a_link_that_is_too_long_is_refused() -> None:
    link = Link(tenant="acme", subject="p" * MAX_TOKEN, until=1000)
    assert refused(mint(KEYS["acme"], link)) == "link_invalid"
