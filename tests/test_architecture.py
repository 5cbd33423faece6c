"""The rules of the house about its own source: who may import whom, sizes, clocks, handlers, words."""

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.architecture import (
    ROOT,
    Module,
    broad_handlers,
    clock_reads,
    functions,
    imports,
    modules,
    parse,
)

# ---- the import rule ------------------------------------------------------------------------------------

LAYERS: Mapping[str, int] = {
    "gateway": 0,
    "gateway.plugged": -1,
    "gateway.errors": 0,
    "gateway.clock": 0,
    "gateway.datamodel": 0,
    "gateway.kms": 0,
    "gateway.listlimit": 0,
    "gateway.native": 0,
    "gateway.parent": 0,
    "gateway.hooks": 0,
    "gateway.recipients": 0,
    "gateway.transfers": 0,
    "gateway.model": 1,
    "gateway.strict": 1,
    "gateway.keyfile": 1,
    "gateway.secret": 1,
    "gateway.keys": 2,
    "gateway.ca": 2,
    "gateway.wireguard": 3,
    "gateway.audit": 2,
    "gateway.contacts": 2,
    "gateway.codecs": 2,
    "gateway.http1": 2,
    "gateway.masking": 3,
    "gateway.residency": 3,
    "gateway.websocket": 3,
    "gateway.metrics": 3,
    "gateway.webhooks": 3,
    "gateway.policy": 4,
    "gateway.deployment": 4,
    "gateway.policy.cache": 5,
    "gateway.apischema": 5,
    "gateway.boundsschema": 5,
    "gateway.geoschema": 5,
    "gateway.certificateschema": 5,
    "gateway.credentialschema": 5,
    "gateway.upstreamschema": 6,
    "gateway.interceptionschema": 5,
    "gateway.stateschema": 5,
    "gateway.exchange": 5,
    "gateway.plugins": 5,
    "gateway.intake": 5,
    "gateway.inboundschema": 7,
    "gateway.configschema": 8,
    "gateway.planes.driver": 6,
    "gateway.canary": 7,
    "gateway.config": 9,
    "gateway.policy.load": 7,
    "gateway.planes": 7,
    "gateway.portal": 7,
    "gateway.sandbox": 7,
    "gateway.policy.check": 10,
    "gateway.service": 10,
    "gateway.api": 7,
    "gateway.demo": 11,
    "gateway.cli": 12,
}
"""A package imports itself and what stands lower. The longest name that fits counts."""

PURE = (
    "gateway.api.bodies",
    "gateway.api.calls",
    "gateway.api.entering",
    "gateway.api.openapi",
    "gateway.api.problems",
    "gateway.api.signing",
    "gateway.apischema",
    "gateway.audit.chain",
    "gateway.audit.names",
    "gateway.audit.record",
    "gateway.audit.verify",
    "gateway.boundsschema",
    "gateway.ca.names",
    "gateway.ca.pins",
    "gateway.ca.profile",
    "gateway.canary",
    "gateway.certificateschema",
    "gateway.cli.compare",
    "gateway.codecs",
    "gateway.configschema",
    "gateway.credentialschema",
    "gateway.contacts.caps",
    "gateway.contacts.compact",
    "gateway.contacts.hours",
    "gateway.contacts.ledger",
    "gateway.deployment",
    "gateway.contacts.model",
    "gateway.contacts.national",
    "gateway.contacts.normalise",
    "gateway.contacts.grounds",
    "gateway.contacts.redis.layout",
    "gateway.contacts.redisaddress",
    "gateway.contacts.rules",
    "gateway.contacts.sound",
    "gateway.contacts.words",
    "gateway.errors",
    "gateway.exchange",
    "gateway.geoschema",
    "gateway.hooks",
    "gateway.http1",
    "gateway.intake.acts",
    "gateway.intake.ages",
    "gateway.intake.columns",
    "gateway.intake.moments",
    "gateway.intake.people",
    "gateway.intake.previewing",
    "gateway.intake.standing",
    "gateway.inboundschema",
    "gateway.interceptionschema",
    "gateway.listlimit",
    "gateway.masking",
    "gateway.metrics",
    "gateway.model",
    "gateway.parent",
    "gateway.plugins.api",
    "gateway.plugins.codecs",
    "gateway.plugins.detectors",
    "gateway.plugins.maskers",
    "gateway.plugins.schema",
    "gateway.policy",
    "gateway.residency",
    "gateway.stateschema",
    "gateway.strict",
    "gateway.websocket",
    "gateway.upstreamschema",
    "gateway.webhooks",
)
"""No I/O, no clock, nothing that belongs to an event loop."""

FILES = ("gateway.policy.cache", "gateway.policy.check", "gateway.policy.load")
"""Modules of pure packages that read the operator's files at start and reload."""

STORES = (
    "gateway.audit.aio",
    "gateway.audit.files",
    "gateway.audit.log",
    "gateway.contacts.books",
    "gateway.contacts.cached",
    "gateway.contacts.redis",
    "gateway.contacts.sqlite",
)
"""Built above the planes and injected into them."""

IMPURE_IMPORTS = (
    *("asyncio", "concurrent", "multiprocessing", "selectors", "signal", "subprocess", "threading", "time"),
    *("fcntl", "http.client", "http.server", "socket", "socketserver", "sqlite3", "ssl", "urllib.request"),
    *("aiohttp", "grpc", "httptools", "hubspot", "mitmproxy", "redis", "requests", "starlette", "twilio"),
    *("uvicorn", "uvloop"),
)

NEVER: Mapping[str, tuple[str, ...]] = {
    "gateway.portal": ("gateway.planes",),
    "gateway.planes": (*STORES, "gateway.demo", "gateway.sandbox"),
    "gateway.sandbox": ("gateway.planes", "gateway.exchange", "gateway.policy"),
    "gateway.demo": ("gateway.planes",),
}
"""What a package must not import although it stands lower."""


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def longest(name: str, table: Mapping[str, object]) -> str | None:
    fitting = [package for package in table if within(name, package)]
    return max(fitting, key=len, default=None)


def layering(module: Module) -> Iterator[str]:
    """Imports that go upwards or sideways, and packages the table does not know."""
    own = longest(module.name, LAYERS)
    if own is None or (own == "gateway" and module.name != "gateway"):
        yield f"{module.place}: {module.name} has no layer in the table"
        return
    for line, name in imports(module):
        other = longest(name, LAYERS)
        if other in (None, own) or within(own, name) or (other == "gateway" and name.count(".") > 1):
            continue
        if LAYERS[str(other)] >= LAYERS[own]:
            yield f"{module.place}:{line}: {own} imports {name}, which does not stand lower"
        banned = NEVER.get(longest(module.name, NEVER) or "", ())
        if any(within(name, package) for package in banned):
            yield f"{module.place}:{line}: {own} must not import {name}"


def impurity(module: Module) -> Iterator[str]:
    """I/O and clocks in what is pure."""
    if module.name in FILES or not any(within(module.name, name) for name in PURE):
        return
    for line, name in imports(module):
        if any(within(name, banned) for banned in (*IMPURE_IMPORTS, *STORES, *FILES, "gateway.clock")):
            yield f"{module.place}:{line}: pure code imports {name}"


def none(faults: Iterable[str]) -> None:
    """Fails with every fault, one a line."""
    found = "\n".join(faults)
    assert not found, found


def test_imports_point_downwards() -> None:
    none(fault for module in modules("gateway") for fault in layering(module))


def test_pure_code_does_no_io() -> None:
    none(fault for module in modules("gateway") for fault in impurity(module))


def test_the_clock_is_read_in_one_place() -> None:
    everywhere = [m for m in modules("gateway", "plugins") if m.name != "gateway.clock"]
    none(f"{m.place}:{line} reads a clock" for m in everywhere for line in clock_reads(m))


def test_only_planes_catch_everything_and_each_in_one_place() -> None:
    found = [(m, line) for m in modules("gateway", "plugins") for line in broad_handlers(m)]
    per_plane = Counter(".".join(m.name.split(".")[:3]) for m, _ in found)
    none(f"{m.place}:{line} catches everything" for m, line in found if not within(m.name, "gateway.planes"))
    none(f"{plane} catches everything in {count} places" for plane, count in per_plane.items() if count > 1)


# ---- sizes ----------------------------------------------------------------------------------------------

MAX_FILE = 400
MAX_FUNCTION = 40
SIZED = ("gateway", "plugins", "benchmarks")

LONGER: Mapping[str, int] = {}
"""`path` or `path:function` -> lines it may have. Only ever shrinks: what fits again must be taken out."""


def sizes(parsed: tuple[Module, ...]) -> dict[str, tuple[int, int]]:
    """Place -> (lines, cap) of every file and function; of functions of one name the longest."""
    found = {module.place: (module.lines, MAX_FILE) for module in parsed}
    for module in parsed:
        for name, lines in functions(module):
            place = f"{module.place}:{name}"
            found[place] = max(found.get(place, (0, 0)), (lines, MAX_FUNCTION))
    return found


def test_files_and_functions_stay_small() -> None:
    measured = sizes(modules(*SIZED))
    none(
        f"{place} has {lines} lines, {cap} are allowed"
        for place, (lines, cap) in measured.items()
        if lines > LONGER.get(place, cap)
    )


def test_the_list_of_long_ones_only_shrinks() -> None:
    measured = sizes(modules(*SIZED))
    none(
        f"{place} fits again: take it out of LONGER"
        for place in LONGER
        if place not in measured or measured[place][0] <= measured[place][1]
    )


def test_every_module_says_what_it_owns() -> None:
    none(m.place for m in modules(*SIZED) if not ast.get_docstring(m.tree))


# ---- words ----------------------------------------------------------------------------------------------


def spelt(*parts: str) -> str:
    """A word in pieces, so that this file does not hold what it looks for."""
    return "".join(parts)


FORBIDDEN = re.compile(
    "|".join(
        (
            rf"(?<![\w.]){spelt('/wo', 'rk/')}",
            spelt("/ro", "ot/"),
            spelt("/tmp/", "(notes|bash_", "jobs)"),
            r"(?i:\b(" + spelt("cla", "ude|anthro", "pic|chat", "gpt|co", "pilot") + r")\b)",
            r"(?i:\b" + spelt("iss", "ue ") + r"#?\d)",
            r"\b(" + spelt("TO", "DO|FIX", "ME|X", "XX") + r")\b",
            spelt("python", "hosted") + r"\.org",
            spelt("registry", r"\.npmjs"),
        )
    )
)
TEXT_SUFFIXES = frozenset(
    (".py", ".md", ".toml", ".yaml", ".yml", ".svg", ".service", ".in", ".txt", ".sh", ".lua")
)
FOREIGN = ("tests/vectors", "benchmarks/out")
"""Folders whose texts are others' data, or made on a machine."""


def own_texts() -> Iterator[Path]:
    tops = ("gateway", "plugins", "rules", "certs", "benchmarks", "tests", "docs", "deploy", ".ci")
    yield from (
        ROOT / name for name in ("Makefile", "Containerfile", ".gitignore", "bootstrap.py", "pyproject.toml")
    )
    yield from ROOT.glob("*.md")
    for top in tops:
        yield from (
            file for file in (ROOT / top).rglob("*") if file.suffix in TEXT_SUFFIXES and file.is_file()
        )


def test_no_text_holds_what_does_not_belong_to_the_product() -> None:
    none(
        f"{file.relative_to(ROOT)}:{number}: {match[0]}"
        for file in own_texts()
        if file.exists() and not any(file.relative_to(ROOT).is_relative_to(folder) for folder in FOREIGN)
        for number, line in enumerate(file.read_text("utf-8", "replace").splitlines(), 1)
        for match in [FORBIDDEN.search(line)]
        if match
    )


# ---- the checks themselves ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "source"),
    [
        pytest.param("gateway.codecs.x", "from gateway.policy.plan import Plan\n", id="upwards"),
        pytest.param("gateway.codecs.x", "import gateway.http1.head\n", id="sideways"),
        pytest.param(
            "gateway.exchange.x", "def f():\n    from gateway.planes import driver\n", id="inside a function"
        ),
        pytest.param(
            "gateway.planes.reverse.x", "from gateway.contacts.sqlite import Store\n", id="store in a plane"
        ),
        pytest.param("gateway.unheard", "", id="a package without a layer"),
    ],
)
def test_layering_sees(name: str, source: str) -> None:
    assert list(layering(parse(name, source)))


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("gateway.codecs.x", "from gateway.codecs.program import Program\nfrom gateway import errors\n"),
        ("gateway.exchange.x", "from gateway.audit.record import Record\nimport json\n"),
        ("gateway.cli.x", "from gateway.contacts.sqlite import Store\nfrom gateway import __version__\n"),
        ("gateway.planes.driver", "from gateway.exchange.commands import Send\n"),
    ],
)
def test_layering_lets_pass(name: str, source: str) -> None:
    assert list(layering(parse(name, source))) == []


@pytest.mark.parametrize(
    "source",
    [
        "import asyncio\n",
        "from sqlite3 import connect\n",
        "import http.client\n",
        "import time\n",
        "from gateway.clock import now\n",
        "from gateway import clock\n",
        "from gateway.contacts.sqlite import Store\n",
    ],
)
def test_impurity_sees(source: str) -> None:
    assert list(impurity(parse("gateway.policy.x", source)))
    assert list(impurity(parse("gateway.contacts.sqlite", source))) == []


def test_a_handler_that_raises_again_catches_nothing() -> None:
    assert (
        list(broad_handlers(parse("x", "try:\n    f()\nexcept BaseException:\n    g()\n    raise\n"))) == []
    )


@pytest.mark.parametrize(
    "source",
    [
        "import time\ntime.time()\n",
        "import time\nf = time.monotonic\n",
        "from time import perf_counter_ns\n",
        "from datetime import datetime\ndatetime.now()\n",
        "import datetime\ndatetime.datetime.utcnow()\n",
        "from datetime import date\ndate.today()\n",
        "import time\ntime.gmtime()\n",
    ],
)
def test_clock_reads_are_seen(source: str) -> None:
    assert len(list(clock_reads(parse("x", source)))) == 1


def test_what_only_formats_a_moment_is_no_clock_read() -> None:
    assert list(clock_reads(parse("x", "import time\ntime.gmtime(5)\ntime.sleep(1)\nloop.time()\n"))) == []


@pytest.mark.parametrize("kind", ["", " Exception", " BaseException as e", " (ValueError, Exception)"])
def test_broad_handlers_are_seen(kind: str) -> None:
    assert list(broad_handlers(parse("x", f"try:\n    pass\nexcept{kind}:\n    pass\n"))) == [3]


def test_a_function_is_measured_without_its_docstring() -> None:
    source = 'def f():\n    """One.\n\n    Two.\n    """\n    return 1\n'
    assert list(functions(parse("x", source))) == [("f", 2)]


@pytest.mark.parametrize(
    "text", [spelt("see /wo", "rk/main"), spelt("# TO", "DO later"), spelt("Iss", "ue #12")]
)
def test_forbidden_words_are_seen(text: str) -> None:
    assert FORBIDDEN.search(text)


def test_relative_imports_are_resolved() -> None:
    module = parse("gateway.codecs.json", "from . import program\nfrom ..errors import X\n", ROOT / "json.py")
    assert [name for _, name in imports(module)] == ["gateway.codecs.program", "gateway.errors.X"]
