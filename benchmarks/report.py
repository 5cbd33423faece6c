"""Writes a run down: the table for a terminal, Markdown for the README, JSON, and a picture."""

import json
from collections.abc import Iterator
from html import escape
from pathlib import Path

from benchmarks.cells import CELLS
from benchmarks.figures import BUSY, Results, targets
from benchmarks.peers.table import PEERS

COLOURS = {
    "nginx": "#9aa5b1",
    "lua": "#52606d",
    "hushgate": "#1f7a6d",
    "asgi": "#d9a441",
    "mitmproxy": "#c8553d",
}
WIDTH, LEFT, BAR, GAP, TOP = 860, 190, 16, 26, 64


def number(value: float | None, digits: int = 2) -> str:
    """A figure, or a dash."""
    return "-" if value is None else f"{value:,.{digits}f}"


def table(run: Results) -> Iterator[tuple[str, ...]]:
    """Header and one row per cell and peer."""
    yield "requests", "peer", "requests/s", "x Lua", "x mitmproxy", "CPU us/request", "failed"
    for cell, row in run.cells.items():
        for peer, one in row.items():
            bound = "" if one.busy >= BUSY or peer == "direct" else " >="
            yield (
                CELLS[cell].title,
                title(peer),
                f"{number(one.rps, 0)}{bound}",
                number(run.ratio(cell, peer)),
                number(run.ratio(cell, peer, "mitmproxy"), 1),
                "-" if peer == "direct" else number(one.cpu_us, 0),
                str(one.failed),
            )


def latencies(run: Results) -> Iterator[tuple[str, ...]]:
    """Header and one row per peer of the fixed-rate measurement, microseconds."""
    yield "peer", "p50", "p99", "added p50", "added p99"
    for peer, one in run.latency.items():
        middle = len(one.p50) // 2
        yield (
            title(peer),
            number(sorted(one.p50)[middle], 0),
            number(sorted(one.p99)[middle], 0),
            number(run.added(peer, "p50"), 0),
            number(run.added(peer, "p99"), 0),
        )


def goals(run: Results) -> Iterator[tuple[str, ...]]:
    """Header and one row per target."""
    yield "target", "wanted", "this run", "met"
    words = {True: "yes", False: "NO", None: "not measured"}
    for one in targets(run):
        wanted = f">= {one.at_least:g}" if one.at_least is not None else f"<= {one.at_most:g}"
        yield one.what, wanted, number(one.got), words[one.met]


def title(peer: str) -> str:
    """A peer's name in a table."""
    return "direct, no proxy" if peer == "direct" else PEERS[peer].title


def plain(rows: Iterator[tuple[str, ...]]) -> str:
    """Rows as aligned text."""
    lines = list(rows)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def markdown(rows: Iterator[tuple[str, ...]]) -> str:
    """Rows as a Markdown table."""
    head, *rest = rows
    rule = ("---",) * len(head)
    return "\n".join("| " + " | ".join(line) + " |" for line in (head, rule, *rest))


def conditions(run: Results) -> str:
    """Date, machine and versions in one paragraph."""
    m = run.machine
    tools = ", ".join(f"{name} {value}" for name, value in run.versions.items() if value != "-")
    where = (
        f"{m['date']}; {m['cpu']}, {m['cores']} cores, {m['kernel']}, load average {m['load_before']} before"
    )
    return f"{where}; {tools}. Settings: " + ", ".join(
        f"{name} {value}" for name, value in run.settings.items()
    )


def picture(run: Results) -> str:
    """Bars of requests per second relative to nginx + Lua, cell by cell, as SVG."""
    cells = [(cell, [p for p in row if p in PEERS]) for cell, row in run.cells.items()]
    ratios = [run.ratio(cell, peer) or 0 for cell, peers in cells for peer in peers]
    scale = (WIDTH - LEFT - 90) / max([1.0, *ratios])
    out, y = [], TOP
    for cell, peers in cells:
        out.append(f'<text x="12" y="{y + 4}" font-weight="600">{CELLS[cell].title}</text>')
        y += 14
        for peer in peers:
            value = run.ratio(cell, peer)
            width = max((value or 0) * scale, 1)
            out.append(f'<text x="{LEFT - 8}" y="{y + 12}" text-anchor="end">{PEERS[peer].title}</text>')
            out.append(
                f'<rect x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR}" fill="{COLOURS[peer]}"/>'
                f'<text x="{LEFT + width + 6:.1f}" y="{y + 12}">{number(value)}</text>'
            )
            y += BAR + 4
        y += GAP
    line = LEFT + scale
    out.append(
        f'<line x1="{line:.1f}" y1="44" x2="{line:.1f}" y2="{y - GAP}" '
        'stroke="#1f2933" stroke-dasharray="3 3"/>'
    )
    where = f"{run.machine['date']}; {run.machine['cpu']}"
    note = escape(f"one core each for proxy and load, 32 connections; {where}")
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}" viewBox="0 0 {WIDTH} {y}" '
        'font-family="system-ui, sans-serif" font-size="12" fill="#1f2933">'
        f'<rect width="{WIDTH}" height="{y}" fill="#ffffff"/>'
        '<text x="12" y="22" font-size="15" font-weight="600">Requests per second, nginx + Lua doing equal '
        f'work = 1</text><text x="12" y="39" fill="#52606d">{note}</text>'
    )
    return head + "\n".join(out) + "</svg>\n"


def write(run: Results, folder: Path) -> None:
    """results.json, results.md and results.svg."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(run.as_json(), indent=1) + "\n")
    (folder / "results.svg").write_text(picture(run))
    (folder / "results.md").write_text("\n".join(document(run)))


def document(run: Results) -> Iterator[str]:
    """The Markdown, in parts."""
    yield f"Measured {conditions(run)}.\n"
    yield markdown(table(run)) + "\n"
    yield f"`>=`: the proxy used less than {BUSY:.0%} of its core: the peer can do more.\n"
    yield f"At a fixed {run.settings['rate']} requests/s, 0.5 KB, microseconds:\n"
    yield markdown(latencies(run)) + "\n"
    yield markdown(goals(run)) + "\n"
    for peer, why in (run.missing | run.skipped).items():
        yield f"{title(peer)}: {why}.\n"


def show(run: Results) -> str:
    """The same for a terminal."""
    parts = [conditions(run), plain(table(run)), plain(latencies(run)), plain(goals(run))]
    parts += [f"{title(peer)}: {why}" for peer, why in (run.missing | run.skipped).items()]
    return "\n\n".join(parts)
