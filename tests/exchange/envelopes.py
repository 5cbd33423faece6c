"""Envelopes of a provider with composite calls."""

from typing import Any

from tests.exchange.salesforce_world import call

CONTACT = {"Id": "003A", "LastName": "Besson", "Email": "ana@example.com", "Phone": "+33639980001"}
SHOWN = {"Id": "003A", "LastName": "Besson", "Email": "[redacted]", "Phone": "**********01"}
CREATED = {"id": "001A", "success": True, "errors": []}
MAIL = "actions/standard/emailSimple"


def mail(name: str, *to: str) -> dict[str, Any]:
    return call("POST", MAIL, name, {"inputs": [{"emailAddressesArray": list(to), "emailBody": "Hello"}]})


# ---- what refuses all -----------------------------------------------------------------------------------

FETCH = call("GET", "sobjects/Contact/003A", "a")
