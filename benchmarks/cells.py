"""The cells of the benchmark: which requests are sent, and the files they are read from."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from benchmarks import work


def _singles() -> Iterator[str]:
    for n in range(work.SINGLES):
        yield f"GET\t{work.CONTACTS}/{10_000_000 + n}\t"


def _pages(size: int) -> Iterator[str]:
    for number in range(work.PAGES[size]):
        yield f"GET\t{work.CONTACTS}?limit={size}&after={number}\t"


def _messages() -> Iterator[str]:
    for n in range(work.RECIPIENTS):
        form = {
            "To": work.phone(n),
            "From": work.phone(work.SENDER),
            "Body": "Your appointment is confirmed.",
        }
        yield f"POST\t{work.MESSAGES}\t{urlencode(form)}"


@dataclass(frozen=True, slots=True)
class Cell:
    """One row of the table: its title and its requests (METHOD TAB path TAB body [TAB key])."""

    title: str
    lines: Callable[[], Iterator[str]]


CELLS: Mapping[str, Cell] = {
    "contact": Cell("one contact, 0.5 KB", _singles),
    "list10": Cell("list of 10, 5 KB", lambda: _pages(10)),
    "list100": Cell("list of 100, 50 KB", lambda: _pages(100)),
    "message": Cell("message sent (contact check, two records)", _messages),
}


def write_requests(folder: Path) -> dict[str, Path]:
    """One request file per cell."""
    files = {name: folder / f"{name}.requests" for name in CELLS}
    for name, file in files.items():
        file.write_text("\n".join(CELLS[name].lines()) + "\n")
    return files
