"""One recipient, judged at one moment."""

from datetime import UTC, datetime

from gateway.contacts.model import Consent, ConsentState, Standing
from gateway.contacts.rules import Check, Subject, Verdict, judge
from gateway.model import Channel, Contact, Requirement

PHONE = Subject("phone", "+33612345678")
NOON = datetime(2026, 6, 10, 10, 0, tzinfo=UTC).timestamp()
SMS = "marketing.communications.sms"


def consent(state: ConsentState, channel: Channel | None = None, purpose: str | None = None) -> Consent:
    """A consent in this state."""
    return Consent(channel=channel, purpose=purpose, state=state)


def verdict(
    standing: Standing,
    *checks: Check,
    channel: Channel | None = "sms",
    purposes: tuple[str, ...] = (SMS,),
    subject: Subject = PHONE,
) -> Verdict:
    """What becomes of a text message that advertises."""
    return judge(subject, standing, channel, purposes, checks, NOON)


def needs(require: Requirement, *scope: str) -> Check:
    """A rule that requires something."""
    return Check("needs", "enforce", Contact(require=require), scope)
