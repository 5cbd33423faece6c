"""The application that gets webhooks believes its own token alone, and shows what it got."""

from collections.abc import Iterator
from urllib.request import urlopen

import pytest

from gateway.demo.provider import message
from gateway.sandbox import replies
from gateway.sandbox.serve import running
from tests.sandbox.sandboxkit import received


@pytest.fixture
def url() -> Iterator[str]:
    with running(replies.create()) as made:
        yield made


def test_a_webhook_is_taken_that_its_own_token_signed_and_no_other(url: str) -> None:
    delivered = [
        message(f"{url}/twilio/sms", token, "+33639980001", "STOP") for token in (replies.TOKEN, "no")
    ]
    assert [(each.status, bool(each.error)) for each in delivered] == [(200, False), (403, True)]
    told = received(url)
    assert told["count"] == 2
    assert [each["verified"] for each in told["requests"]] == [True, False]
    assert told["requests"][0]["sender"] == "+33639980001"


def test_what_came_is_on_its_page_as_text(url: str) -> None:
    message(f"{url}/twilio/sms", replies.TOKEN, "+33639980001", "<b>STOP</b>")
    with urlopen(url, timeout=30) as answer:
        page = answer.read().decode()
    assert "&lt;b&gt;STOP&lt;/b&gt;" in page
    assert "good" in page
