"""What the structure tests read: the modules of the house as syntax trees, and questions about one tree."""

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
    """One source file."""

    name: str
    path: Path
    tree: ast.Module
    lines: int

    @property
    def place(self) -> str:
        return self.path.relative_to(ROOT).as_posix()


def parse(name: str, source: str, path: Path = ROOT / "x.py") -> Module:
    return Module(name, path, ast.parse(source), source.count("\n"))


def modules(*tops: str) -> tuple[Module, ...]:
    """Every Python file below some folders of the repository."""
    return tuple(map(_parsed, sorted(file for top in tops for file in (ROOT / top).rglob("*.py"))))


@cache
def _parsed(file: Path) -> Module:
    return parse(_name(file), file.read_text("utf-8"), file)


@cache
def nodes(module: Module) -> tuple[ast.AST, ...]:
    """Everything in a module; walked once for all that ask."""
    return tuple(ast.walk(module.tree))


def _name(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(module: Module) -> Iterator[tuple[int, str]]:
    """(line, full name) of everything imported anywhere in a module; type-checking blocks count too."""
    for node in nodes(module):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(module, node)
            for alias in node.names:
                yield node.lineno, f"{base}.{alias.name}" if base else alias.name


def _absolute(module: Module, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    package = module.name.split(".")
    if module.path.name != "__init__.py":
        package = package[:-1]
    parent = package[: len(package) - node.level + 1]
    return ".".join([*parent, *filter(None, [node.module])])


def clock_reads(module: Module) -> Iterator[int]:
    """Lines where the clock of the machine is read, or a function that reads it is taken by name."""
    for node in nodes(module):
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            yield from (node.lineno for alias in node.names if alias.name in CLOCK_FUNCTIONS)
        elif isinstance(node, ast.Attribute) and node.attr in CLOCK_FUNCTIONS:
            if ast.unparse(node.value) in CLOCK_OWNERS:
                yield node.lineno
        elif isinstance(node, ast.Call) and not node.args and ast.unparse(node.func) in WITHOUT_MOMENT:
            yield node.lineno


def broad_handlers(module: Module) -> Iterator[int]:
    """Lines of handlers of Exception, BaseException or everything that do not end by raising it again."""
    for node in nodes(module):
        if isinstance(node, ast.ExceptHandler) and not _raises_again(node):
            kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            if any(kind is None or ast.unparse(kind) in ("Exception", "BaseException") for kind in kinds):
                yield node.lineno


def _raises_again(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def functions(module: Module) -> Iterator[tuple[str, int]]:
    """(name, lines without the docstring and decorators) of every function."""
    for node in nodes(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            yield node.name, lines - _docstring_lines(node)


def _docstring_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    if ast.get_docstring(node) is None:
        return 0
    first = node.body[0]
    return (first.end_lineno or first.lineno) - first.lineno + 1
