"""`python -m gateway.cli.filereference [folder]`: writes the reference of every kind of file from its schema."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from gateway import configschema
from gateway.policy import packfile, rulefile
from gateway.policy.taxonomy import CATEGORIES, EXTRA_USES, SPELLINGS, USES
from gateway.strict.kinds import Kind
from gateway.strict.reference import reference

_GENERATED: Final = "<!-- Written by `python -m gateway.cli.filereference` from the schema: change it there. -->\n"

KINDS: Final[Mapping[str, tuple[str, Kind[object]]]] = {
    "config.md": ("The deployment file: every key", configschema.ROOT),
    "rules.md": ("Rule files: every key", rulefile.ROOT),
    "packs.md": ("Provider packs: every key", packfile.PACK),
}


def pages() -> dict[str, str]:
    """Every page of the reference: file name -> markdown."""
    made = {name: f"# {title}\n\n{_GENERATED}\n{reference(kind)}" for name, (title, kind) in KINDS.items()}
    return {**made, "taxonomy.md": _taxonomy()}


def _taxonomy() -> str:
    spellings = "".join(f"| `{own}` | `{name}` |\n" for own, name in SPELLINGS.items())
    return (
        f"# Data categories and data uses\n\n{_GENERATED}\n"
        "The names are those of the [fideslang](https://github.com/ethyca/fideslang) taxonomy, CC-BY-4.0. "
        "A name stands for everything below it: `user.contact` covers `user.contact.email`.\n\n"
        f"## Data categories\n\n{_list(set(CATEGORIES) - set(SPELLINGS))}\n"
        "## Other spellings\n\nThese are read as the taxonomy's own name, which is what answers and audit "
        f"records show.\n\n| written | read as |\n|---|---|\n{spellings}\n"
        f"## Data uses\n\n{_list(USES)}\n"
        f"Beyond the taxonomy: {', '.join(f'`{use}`' for use in EXTRA_USES)}.\n"
    )


def _list(names: set[str] | frozenset[str]) -> str:
    return "".join(f"- `{name}`\n" for name in sorted(names))


def main(folder: Path) -> None:
    """Write the pages into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/reference"))
