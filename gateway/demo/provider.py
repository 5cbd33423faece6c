"""Twilio, as far as it calls its customers: a message somebody wrote, told by a signed webhook."""

import json
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen
from uuid import uuid4

from twilio.request_validator import RequestValidator

from gateway.demo.apps import PROBLEM, Answer
from gateway.sandbox import twilio
from gateway.sandbox.people import COMPANY_NUMBER


def message(url: str, token: str, sender: str, said: str) -> Answer:
    """Deliver it to `url`, signed with `token` by Twilio's own SDK. Raises OSError where nobody answers."""
    form = {
        "AccountSid": twilio.ACCOUNT,
        "MessageSid": f"SM{uuid4().hex}",
        "SmsStatus": "received",
        "From": sender,
        "To": COMPANY_NUMBER,
        "Body": said,
    }
    signature = RequestValidator(token).compute_signature(url, form)
    request = Request(url, urlencode(form).encode(), {"X-Twilio-Signature": signature})  # noqa: S310 - loopback
    try:
        with urlopen(request, timeout=10) as answer:  # noqa: S310 - loopback
            return Answer(status=answer.status)
    except HTTPError as error:
        with error:
            return Answer(error="HTTPError", status=error.code, reason=_reason(error.read()))


def _reason(body: bytes) -> str:
    try:
        problem = json.loads(body)
    except ValueError:
        return ""
    return str(problem.get("type", "")).removeprefix(PROBLEM) if isinstance(problem, dict) else ""
