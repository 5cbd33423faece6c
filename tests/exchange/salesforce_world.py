"""The in-memory world with the Salesforce pack, and what envelopes look like there."""

import json
from pathlib import Path
from typing import Any

from tests.world import RULES, Answer, Played, World

PACK = (Path(__file__).parents[2] / "plugins/salesforce/pack.yaml").read_bytes()
V = "/services/data/v60.0"
DROPPING = f"""{RULES}
rules:
  - {{id: leave-out, contact: {{channels: [email], require: no_suppression}}, on_refusal: drop}}
  - {{id: no-deletes, access: {{operations: ["*.delete"]}}, roles: [support]}}
  - {{id: not-there, residency: {{data: user, regions: [FR]}}, operations: ["*.contacts.*"]}}
"""


def world(rules: str = RULES, **more: Any) -> World:
    return World(rules=rules, pack=PACK, provider="salesforce", **more)


def call(method: str, url: str, name: str | None = None, body: Any = None, **more: Any) -> dict[str, Any]:
    """One call of /composite; without a name, of /composite/batch."""
    made = {"method": method, "url": url if url.startswith(("/", "v")) else f"{V}/{url}"}
    if name is not None:
        made["referenceId"] = name
    if body is not None:
        made["body" if name is not None else "richInput"] = body
    return made | more


def reply(body: Any, name: str = "", status: int = 200, **headers: str) -> dict[str, Any]:
    return {"body": body, "httpHeaders": headers, "httpStatusCode": status, "referenceId": name}


def composite(it: World, *calls: Any, answers: Any = (), client: str = "support", **members: Any) -> Played:
    """Ask for /composite. `answers` are the provider's; text is its body as it stands."""
    body = answers if isinstance(answers, str) else json.dumps({"compositeResponse": list(answers)})
    sent = {"compositeRequest": list(calls), **members}
    path = f"/crm{V}/composite"
    return it.ask("POST", path, client=client, json_body=sent, answer=Answer(200, body=body.encode()))


def sent_calls(played: Played) -> list[dict[str, Any]]:
    """The calls as they went upstream."""
    calls: list[dict[str, Any]] = json.loads(played.sent[1])["compositeRequest"]
    return calls


def refusal(played: Played) -> tuple[int, str, str]:
    """(status, reason, detail) of a refusal in an array."""
    (members,) = played.json
    return played.status, str(members["errorCode"]), str(members["detail"])
