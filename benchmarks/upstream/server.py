"""Writes the upstream's bodies and its nginx configuration into a directory."""

import json
from pathlib import Path

from benchmarks import work

HERE = Path(__file__).parent


def compact(body: work.Json) -> str:
    """JSON as the providers send it: no spaces, UTF-8."""
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False)


def fill(template: Path, values: dict[str, str]) -> str:
    """The template's text with every `@NAME@` replaced."""
    text = template.read_text()
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    return text


def write_bodies(www: Path) -> None:
    """One file per contact and per page of each list size."""
    (www / "contacts").mkdir(parents=True)
    (www / "lists").mkdir()
    for n in range(work.SINGLES):
        one = work.contact(n)
        (www / "contacts" / f"{one['id']}.json").write_text(compact(one))
    for size, pages in work.PAGES.items():
        for number in range(pages):
            (www / "lists" / f"{size}-{number}.json").write_text(compact(work.page(number, size)))


def prepare(folder: Path, port: int) -> Path:
    """Write bodies and configuration; the path of the configuration."""
    write_bodies(folder / "www")
    values = {
        "DIR": str(folder),
        "PORT": str(port),
        "MESSAGES": work.MESSAGES,
        "MESSAGE": compact(work.message()).replace("'", "\\'"),
    }
    config = folder / "nginx.conf"
    config.write_text(fill(HERE / "nginx.conf", values))
    return config
