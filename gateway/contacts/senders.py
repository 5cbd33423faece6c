"""Senders in the one spelling that entries and requests share, so that a stop to one is found. Pure."""

from gateway.contacts.naming import sender


def spelt(text: str, country: str | None) -> str:
    """A number in E.164, an address as it is canonical, any other name in lower case.

    Of what somebody wrote by hand, a link or a list says: there is no field that tells what it is.
    """
    return sender("email" if "@" in text else "phone", text, country)
