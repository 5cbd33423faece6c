"""Trims Twilio's OpenAPI documents to what the pack's truth check needs; run it to renew the vector.

    python tests/plugins/twilio_index.py CORPORA/specs/twilio > tests/vectors/twilio_index.json

For each call: its parameters by carrier and its answer's JSON paths, each with Twilio's own word on whether
it is personal (`x-twilio.pii`). A path that ends in `.*` is an object whose members the document leaves open.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

DOCUMENTS = (
    "twilio_api_v2010.json",
    "twilio_lookups_v1.json",
    "twilio_lookups_v2.json",
    "twilio_conversations_v1.json",
)
WANTED = (
    "/2010-04-01/Accounts/{AccountSid}/Messages",
    "/2010-04-01/Accounts/{AccountSid}/Calls.json",
    "/2010-04-01/Accounts/{AccountSid}/Calls/{Sid}.json",
    "/2010-04-01/Accounts/{AccountSid}/Calls/{CallSid}/Recordings",
    "/2010-04-01/Accounts/{AccountSid}/Calls/{CallSid}/Transcriptions",
    "/2010-04-01/Accounts/{AccountSid}/Recordings.json",
    "/2010-04-01/Accounts/{AccountSid}/Recordings/{Sid}.json",
    "/v1/PhoneNumbers/",
    "/v2/PhoneNumbers/{PhoneNumber}",
    "/v1/Conversations/{ConversationSid}/Participants",
)
METHODS = ("get", "post", "put", "delete")
FORM = "application/x-www-form-urlencoded"

Schema = dict[str, Any]
Marks = dict[str, bool]


def index(folder: Path) -> dict[str, Any]:
    """The whole index, from the folder of the OpenAPI documents."""
    operations: dict[str, Any] = {}
    for name in DOCUMENTS:
        document = json.loads((folder / name).read_text())
        for path, item in document["paths"].items():
            if path.startswith(WANTED) and "/Overrides/" not in path:
                for method in METHODS:
                    if method in item:
                        operations[f"{method.upper()} {path}"] = _operation(document, item, item[method])
    return {
        "source": "github.com/twilio/twilio-oai, d50069b44ea8, trimmed by tests/plugins/twilio_index.py",
        "licence": "MIT, Copyright (c) Twilio Inc.",
        "operations": operations,
    }


def _operation(document: Schema, item: Schema, operation: Schema) -> Schema:
    server = (item.get("servers") or document["servers"])[0]["url"]
    carriers: dict[str, Marks] = {"path": {}, "query": {}, "header": {}}
    for parameter in operation.get("parameters", ()):
        carriers[parameter["in"]][parameter["name"]] = _personal(parameter) or _personal(parameter["schema"])
    body = operation.get("requestBody", {}).get("content", {}).get(FORM)
    return {
        "host": server.removeprefix("https://"),
        "path": carriers["path"],
        "query": carriers["query"],
        "form": {k: _personal(v) for k, v in _follow(document, body["schema"])["properties"].items()}
        if body
        else {},
        "answer": dict(sorted(_answer(document, operation))),
    }


def _answer(document: Schema, operation: Schema) -> Iterator[tuple[str, bool]]:
    for answer in operation["responses"].values():
        for content in answer.get("content", {}).values():
            yield from _leaves(document, content["schema"], "", pii=False)


def _leaves(document: Schema, schema: Schema, path: str, *, pii: bool) -> Iterator[tuple[str, bool]]:
    pii = pii or _personal(schema)
    schema = _follow(document, schema)
    pii = pii or _personal(schema)
    if "properties" in schema:
        for name, member in schema["properties"].items():
            yield from _leaves(document, member, f"{path}.{name}" if path else name, pii=pii)
    elif schema.get("type") == "array":
        yield from _leaves(document, schema["items"], f"{path}[]", pii=pii)
    elif schema.get("type") == "object" or ("type" not in schema and "enum" not in schema):
        yield f"{path}.*", pii
    else:
        yield path, pii


def _follow(document: Schema, schema: Schema) -> Schema:
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    return schema


def _personal(schema: Schema) -> bool:
    return bool(schema.get("x-twilio", {}).get("pii"))


if __name__ == "__main__":
    sys.stdout.write(json.dumps(index(Path(sys.argv[1])), indent=1, sort_keys=True) + "\n")
