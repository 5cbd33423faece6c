"""The documentation says what the product does: every verb, option, reason and metric stands in it."""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.cli import exits, reference, verbs
from gateway.errors import REASONS
from gateway.metrics import METRICS
from gateway.policy.jurisdictions import PRESETS, Line
from gateway.policy.rulefile import read_rules
from tests.architecture import ROOT

DOCS = ROOT / "docs"
PAGES = sorted(file for file in (*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *ROOT.glob("*/README.md")))


def text(name: str) -> str:
    return (DOCS / "reference" / name).read_text("utf-8")


def arguments(parser: argparse.ArgumentParser, name: str) -> Iterator[tuple[str, argparse.Action]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for nested, inner in action.choices.items():
                yield from arguments(inner, f"{name} {nested}")
        else:
            yield name, action


@pytest.mark.parametrize("page", reference.PAGES)
def test_a_generated_page_is_up_to_date(page: str) -> None:
    assert text(page) == reference.PAGES[page](), "run: python -m gateway.cli.reference"


def test_every_verb_is_documented() -> None:
    page = text("cli.md")
    for verb in verbs.VERBS:
        assert f"## `hushgate {verb}`" in page


@pytest.mark.parametrize("verb", reference.present())
def test_every_argument_is_documented_with_help(verb: str) -> None:
    page = text("cli.md")
    top = verbs.parser([verb])
    for name, action in arguments(top, "hushgate"):
        if not name.startswith(f"hushgate {verb}") or isinstance(action, argparse._HelpAction):
            continue
        assert action.help, f"{name}: {action.dest} has no help"
        assert f"### `{name}`" in page or f"## `{name}`" in page
        for option in action.option_strings:
            assert f"`{option}" in page


@pytest.mark.parametrize("code", exits.MEANINGS)
def test_every_exit_code_is_documented(code: int) -> None:
    assert f"| {code} | {exits.MEANINGS[code]} |" in text("cli.md")


def test_every_reason_is_documented() -> None:
    page = text("reasons.md")
    assert [reason for reason in REASONS if f"| `{reason}` | {REASONS[reason].status} |" not in page] == []


def test_every_metric_is_documented() -> None:
    page = text("metrics.md")
    assert [name for name in METRICS if f"| `{name}` |" not in page] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_metric_that_is_named_exists(page: Path) -> None:
    series = {f"{name}{end}" for name in METRICS for end in ("", "_total", "_count", "_sum", "_bucket")}
    assert set(re.findall(r"\bhushgate_[a-z_]+", page.read_text("utf-8"))) <= series


LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    dead = [target for target in LINK.findall(page.read_text("utf-8")) if not (page.parent / target).exists()]
    assert dead == []


COMMAND = re.compile(r"^\s*(?:\$ )?hushgate ([a-z]+)", re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_in_the_documents_exists(page: Path) -> None:
    assert set(COMMAND.findall(page.read_text("utf-8"))) <= verbs.VERBS.keys()


def test_every_make_target_is_explained() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    [phony] = re.findall(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    for target in phony.split():
        assert re.search(rf"^{target}:.*## +\S", makefile, re.MULTILINE), target


def test_the_rule_file_in_the_readme_is_one() -> None:
    blocks = re.findall(r"^```yaml\n(tenant: .*?)^```", (ROOT / "README.md").read_text("utf-8"), re.S | re.M)
    assert len(blocks) == 1
    assert read_rules(blocks[0].encode(), "rules/acme.yaml").rules


def test_the_presets_a_privacy_officer_reads_of_are_those_in_force() -> None:
    page = (DOCS / "contacts.md").read_text("utf-8")
    rows = {row for row in page.splitlines() if re.match(r"\| `[a-z-]+` \| [^|]+ \| `", row)}
    wanted = {
        f"| `{name}` | {preset.title} | {', '.join(_line(line) for line in preset.lines)} |"
        for name, preset in PRESETS.items()
    }
    assert rows == wanted


def _line(line: Line) -> str:
    spans = [f"from {line.since}" if line.since else "", f"until {line.until}" if line.until else ""]
    return f"`{line.id}` ({' '.join(filter(None, spans))})"
