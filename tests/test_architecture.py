"""The rules of the house about its own source: who may import whom, sizes, clocks, handlers, words."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.architecture import ROOT, Module, modules, parse
from tests.layers import impurity, layering, within

# ---- imports, clocks, handlers --------------------------------------------------------------------------


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
    none(f"{m.place}:{line} reads a clock" for m in everywhere for line in m.clocks)


def test_only_planes_catch_everything_and_each_in_one_place() -> None:
    found = [(m, line) for m in modules("gateway", "plugins") for line in m.broad]
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
        for name, lines in module.functions:
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
    none(m.place for m in modules(*SIZED) if not m.told)


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
FOREIGN = ("tests/vectors/", "benchmarks/out/")
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
        if file.exists() and not file.relative_to(ROOT).as_posix().startswith(FOREIGN)
        for text in [file.read_text("utf-8", "replace")]
        if FORBIDDEN.search(text)
        for number, line in enumerate(text.splitlines(), 1)
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
    assert list(parse("x", "try:\n    f()\nexcept BaseException:\n    g()\n    raise\n").broad) == []


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
    assert len(list(parse("x", source).clocks)) == 1


def test_what_only_formats_a_moment_is_no_clock_read() -> None:
    assert list(parse("x", "import time\ntime.gmtime(5)\ntime.sleep(1)\nloop.time()\n").clocks) == []


@pytest.mark.parametrize("kind", ["", " Exception", " BaseException as e", " (ValueError, Exception)"])
def test_broad_handlers_are_seen(kind: str) -> None:
    assert list(parse("x", f"try:\n    pass\nexcept{kind}:\n    pass\n").broad) == [3]


def test_a_function_is_measured_without_its_docstring() -> None:
    source = 'def f():\n    """One.\n\n    Two.\n    """\n    return 1\n'
    assert list(parse("x", source).functions) == [("f", 2)]


@pytest.mark.parametrize(
    "text", [spelt("see /wo", "rk/main"), spelt("# TO", "DO later"), spelt("Iss", "ue #12")]
)
def test_forbidden_words_are_seen(text: str) -> None:
    assert FORBIDDEN.search(text)


def test_relative_imports_are_resolved() -> None:
    module = parse("gateway.codecs.json", "from . import program\nfrom ..errors import X\n", ROOT / "json.py")
    assert [name for _, name in module.imports] == ["gateway.codecs.program", "gateway.errors.X"]
