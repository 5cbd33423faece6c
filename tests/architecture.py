"""What the structure tests read: what the modules of the house are made of."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]

CLOCK_FUNCTIONS = frozenset(
    f"{name}{unit}"
    for name in ("time", "monotonic", "perf_counter", "process_time", "thread_time", "clock_gettime")
    for unit in ("", "_ns")
) | {"now", "utcnow", "today"}
CLOCK_OWNERS = frozenset(("time", "datetime", "date", "datetime.datetime", "datetime.date"))
WITHOUT_MOMENT = frozenset(("time.localtime", "time.gmtime", "time.ctime"))
"""Functions that read the clock only when they are given no moment."""


@dataclass(frozen=True, slots=True)
class Module:
    """What is asked of one source file. The syntax trees themselves would be held by the hundred.

    `imports`: (line, full name) of everything imported anywhere, type-checking blocks too. `clocks`: lines
    where the machine's clock is read, or a function that reads it is taken by name. `broad`: lines of
    handlers of Exception, BaseException or everything that do not end by raising it again. `functions`:
    (name, lines without the docstring and decorators).
    """

    name: str
    path: Path
    lines: int
    told: bool
    """Whether it has a docstring."""

    imports: tuple[tuple[int, str], ...]
    clocks: tuple[int, ...]
    broad: tuple[int, ...]
    functions: tuple[tuple[str, int], ...]

    @property
    def place(self) -> str:
        return self.path.relative_to(ROOT).as_posix()


def parse(name: str, source: str, path: Path = ROOT / "x.py") -> Module:
    tree = ast.parse(source)
    nodes = list(ast.walk(tree))
    return Module(
        name,
        path,
        source.count("\n"),
        bool(ast.get_docstring(tree)),
        tuple(each for node in nodes for each in _imports(node, name, path)),
        tuple(line for node in nodes for line in _clock_reads(node)),
        tuple(line for node in nodes for line in _broad_handlers(node)),
        tuple(each for node in nodes for each in _functions(node)),
    )


def modules(*tops: str) -> tuple[Module, ...]:
    """Every Python file below some folders of the repository."""
    return tuple(module for top in tops for module in _below(top))


@cache
def _below(top: str) -> tuple[Module, ...]:
    files = sorted((ROOT / top).rglob("*.py"))
    return tuple(parse(_name(file), file.read_text("utf-8"), file) for file in files)


def _name(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(node: ast.AST, name: str, path: Path) -> Iterator[tuple[int, str]]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield node.lineno, alias.name
    elif isinstance(node, ast.ImportFrom):
        base = _absolute(name, path, node)
        for alias in node.names:
            yield node.lineno, f"{base}.{alias.name}" if base else alias.name


def _absolute(name: str, path: Path, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    package = name.split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    parent = package[: len(package) - node.level + 1]
    return ".".join([*parent, *filter(None, [node.module])])


def _clock_reads(node: ast.AST) -> Iterator[int]:
    if isinstance(node, ast.ImportFrom) and node.module == "time":
        yield from (node.lineno for alias in node.names if alias.name in CLOCK_FUNCTIONS)
    elif isinstance(node, ast.Attribute) and node.attr in CLOCK_FUNCTIONS:
        if ast.unparse(node.value) in CLOCK_OWNERS:
            yield node.lineno
    elif isinstance(node, ast.Call) and not node.args and _dotted(node.func) in WITHOUT_MOMENT:
        yield node.lineno


def _dotted(node: ast.expr) -> str:
    """`owner.name`, of what is spelt so."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return f"{node.value.id}.{node.attr}"
    return ""


def _broad_handlers(node: ast.AST) -> Iterator[int]:
    if isinstance(node, ast.ExceptHandler) and not _raises_again(node):
        kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        if any(kind is None or ast.unparse(kind) in ("Exception", "BaseException") for kind in kinds):
            yield node.lineno


def _raises_again(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def _functions(node: ast.AST) -> Iterator[tuple[str, int]]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        lines = (node.end_lineno or node.lineno) - node.lineno + 1
        yield node.name, lines - _docstring_lines(node)


def _docstring_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    if ast.get_docstring(node) is None:
        return 0
    first = node.body[0]
    return (first.end_lineno or first.lineno) - first.lineno + 1
