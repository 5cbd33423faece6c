"""Reads calls and models out of the generated sources of hubspot-api-client, without importing them.

The sources are the provider's own OpenAPI documents, turned into Python by openapi-generator: a call is one
`call_api("path", "METHOD", ...)`, each model one class with `openapi_types` and `attribute_map`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

PACKAGES = (
    "crm/contacts",
    "crm/associations/v4",
    "crm/owners",
    "crm/properties",
    "marketing/transactional",
    "communication_preferences",
)

Models = dict[str, dict[str, str]]
"""Model name -> member name on the wire -> type, as the generator writes it (`list[Thing]`)."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call: its parameters, and the JSON paths of what it sends and of all its answers."""

    path: frozenset[str]
    query: frozenset[str]
    body: frozenset[str]
    answer: frozenset[str]


def calls() -> dict[str, Call]:
    """`METHOD path` -> Call, over all PACKAGES."""
    spec = find_spec("hubspot")
    if spec is None or spec.submodule_search_locations is None:
        raise LookupError("hubspot-api-client is not installed; it is in the demo extra")
    root = Path(spec.submodule_search_locations[0])
    return dict(call for package in PACKAGES for call in _calls(root / package))


def _calls(package: Path) -> Iterator[tuple[str, Call]]:
    models = dict(_model(file.read_text()) for file in sorted((package / "models").glob("[a-z]*.py")))
    for file in sorted((package / "api").glob("*_api.py")):
        for method in re.split(r"\n    def (?=\w+_with_http_info\()", file.read_text())[1:]:
            yield _call(method, models)


def _call(source: str, models: Models) -> tuple[str, Call]:
    path, verb = _found(r'call_api\(\s*"([^"]+)",\s*"(\w+)"', source)
    answers = re.findall(r'\d{3}: "([^"]+)"', source)
    body = re.search(r'body_params = local_var_params\["(\w+)"', source)
    sent = _found(rf":type {body[1]}: (\S+)", source)[0] if body else None
    return f"{verb} {path}", Call(
        path=frozenset(re.findall(r"\{(\w+)\}", path)),
        query=frozenset(re.findall(r'query_params\.append\(\("([^"]+)"', source)),
        body=frozenset(_leaves(sent, "", models)) if sent else frozenset(),
        answer=frozenset(leaf for answer in answers for leaf in _leaves(answer, "", models)),
    )


def _model(source: str) -> tuple[str, dict[str, str]]:
    name = re.search(r"^class (\w+)", source, re.MULTILINE)
    if name is None:
        return "", {}
    types = dict(re.findall(r'"(\w+)": "([^"]+)"', _found(r"openapi_types = \{(.*?)\}", source)[0]))
    wire = dict(re.findall(r'"(\w+)": "([^"]+)"', _found(r"attribute_map = \{(.*?)\}", source)[0]))
    return name[1], {wire[attribute]: type_ for attribute, type_ in types.items()}


def _leaves(type_: str, path: str, models: Models) -> Iterator[str]:
    """The JSON paths of a generated type: `list[X]` is `[]`, `dict[str, X]` is `.*`, a scalar is itself."""
    outer = re.fullmatch(r"(list)\[(.+)\]|dict\[str, (.+)\]", type_)
    if outer and outer[1]:
        yield from _leaves(outer[2], f"{path}[]", models)
    elif outer:
        yield from _leaves(outer[3], f"{path}.*" if path else "*", models)
    elif type_ in models:
        for name, member in models[type_].items():
            yield from _leaves(member, f"{path}.{name}" if path else name, models)
    else:
        yield path


def _found(pattern: str, source: str) -> tuple[str, ...]:
    match = re.search(pattern, source, re.DOTALL)
    if match is None:
        raise LookupError(f"the generated sources changed their form: {pattern}")
    return match.groups()
