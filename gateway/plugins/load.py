"""Finds and loads the plugins that the deployment file names, and nothing else.

Code comes from an installed package (an entry point) or from a file in one of the folders of `plugins`. A
file must belong to whoever runs the gateway, or to root, and nobody else may write to it or to the folders
down to it: who can change it can read all traffic.
"""

import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Final

from gateway.codecs.program import Codec as OurCodec
from gateway.deployment import Extension
from gateway.errors import ConfigError, Problem, where
from gateway.masking.custom import Custom, Find
from gateway.masking.table import Make
from gateway.plugins.api import Codec, Detector, Masker, Plugin
from gateway.plugins.codecs import PluginCodec
from gateway.plugins.detectors import finding
from gateway.plugins.guard import Failures, Guard, Monotonic
from gateway.plugins.maskers import making

GROUPS: Final[Mapping[str, str]] = {
    "masker": "hushgate.maskers",
    "detector": "hushgate.detectors",
    "codec": "hushgate.codecs",
}
"""Entry point groups, by kind of plugin."""
KINDS: Final[Mapping[str, type[Plugin]]] = {"masker": Masker, "detector": Detector, "codec": Codec}
NAME: Final = "PLUGINS"
"""What a file has to define: a list or tuple of plugins."""


@dataclass(frozen=True, slots=True)
class Plugins:
    """What was loaded, each under its guard. `failures` counts what went wrong in this process."""

    maskers: Mapping[str, Make] = field(default_factory=dict)
    detectors: tuple[Find, ...] = ()
    codecs: Mapping[str, OurCodec] = field(default_factory=dict)
    failures: Failures = field(default_factory=dict)

    @property
    def custom(self) -> Custom:
        """What they add to masking."""
        return Custom(self.maskers, self.detectors)


NO_PLUGINS: Final = Plugins()


class _Wrong(Exception):  # noqa: N818 - never leaves this file
    """What is wrong with a plugin, and what was expected."""

    def __init__(self, found: str, expected: str) -> None:
        super().__init__(found)
        self.found = found
        self.expected = expected


def load_plugins(
    extensions: Sequence[Extension], folders: Iterable[str], file: str, monotonic: Monotonic
) -> Plugins:
    """Load them. `file` is the deployment file, for places. Raises ConfigError with every problem."""
    modules: dict[str, object] = {}
    roots = [Path(folder).resolve() for folder in folders]
    found: list[tuple[Plugin, Guard]] = []
    failures: Failures = {}
    problems: list[Problem] = []
    for each in extensions:
        try:
            plugin = _plugin(each, roots, modules)
        except _Wrong as wrong:
            problems.append(Problem(file, each.line, 1, wrong.found, wrong.expected))
        else:
            found.append((plugin, Guard(plugin.name, each.limit, monotonic, failures)))
    if problems:
        raise ConfigError(tuple(problems))
    return Plugins(
        maskers={plugin.name: making(plugin, guard) for plugin, guard in found if isinstance(plugin, Masker)},
        detectors=tuple(finding(plugin, guard) for plugin, guard in found if isinstance(plugin, Detector)),
        codecs={
            plugin.name: PluginCodec(plugin, guard) for plugin, guard in found if isinstance(plugin, Codec)
        },
        failures=failures,
    )


def _plugin(wanted: Extension, roots: Sequence[Path], modules: dict[str, object]) -> Plugin:
    kind = KINDS[wanted.kind]
    if wanted.file is None:
        plugin = _installed(wanted)
        if not isinstance(plugin, kind) or plugin.name != wanted.name:
            raise _Wrong(f"{wanted.name!r}, which is no such plugin", f"a {kind.__name__} of that name")
        return plugin
    if wanted.file not in modules:
        modules[wanted.file] = _members(Path(wanted.file), roots)
    offered = modules[wanted.file]
    if not isinstance(offered, list | tuple):
        raise _Wrong(f"a file without {NAME}", f"{NAME} = [...], a list of plugins")
    fitting = [each for each in offered if isinstance(each, kind) and each.name == wanted.name]
    if len(fitting) != 1:
        raise _Wrong(
            f"a file with {len(fitting)} of the {wanted.kind} {wanted.name!r}",
            f"one {kind.__name__} of that name in {NAME}",
        )
    return fitting[0]


def _installed(wanted: Extension) -> object:
    group = GROUPS[wanted.kind]
    points = tuple(entry_points(group=group, name=wanted.name))
    if len(points) != 1:
        raise _Wrong(f"{len(points)} entry points {wanted.name!r}", f"one in the group {group}")
    return _run(points[0].load)


def _members(path: Path, roots: Sequence[Path]) -> object:
    """Run a file and answer its list of plugins."""
    source = _source(path, roots)
    module = ModuleType(f"hushgate_plugin_{path.stem}")
    module.__file__ = str(path)

    def run() -> object:
        code = compile(source, str(path), "exec", dont_inherit=True)
        exec(code, module.__dict__)  # noqa: S102 - to run this file is what the operator asked for
        return module.__dict__.get(NAME)

    sys.modules[module.__name__] = module  # dataclasses and pickle look a class's module up there
    return _run(run)


class _Loading:
    """A `with` block around an author's code: whatever it raises is one thing that is wrong."""

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and not isinstance(error, KeyboardInterrupt):
            raise _Wrong(f"a plugin that cannot be loaded ({where(error)})", "code that runs") from None


def _run(load: Callable[[], object]) -> object:
    with _Loading():
        return load()


def _source(path: Path, roots: Sequence[Path]) -> bytes:
    """The bytes of a file that nobody else can have written. What is looked at is what is read."""
    real = path.resolve()
    root = next((root for root in roots if real.is_relative_to(root)), None)
    if root is None:
        raise _Wrong(f"{str(path)!r}, outside of every folder of plugins", "a file in one of them")
    try:
        for folder in _folders(real, root):
            _guarded(folder, folder.stat())
        handle = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            _guarded(real, os.fstat(handle))
            return file.read()
    except OSError as error:
        raise _Wrong(f"a plugin that cannot be read ({error.strerror})", "a readable file") from None


def _folders(file: Path, root: Path) -> Iterator[Path]:
    """From the folder of plugins down to the file's own."""
    yield root
    for parent in reversed(file.relative_to(root).parents[:-1]):
        yield root / parent


def _guarded(path: Path, status: os.stat_result) -> None:
    mode = stat.S_IMODE(status.st_mode)
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        raise _Wrong(f"{str(path)!r}, which is no file", "a regular file")
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise _Wrong(f"{str(path)!r} of mode {mode:04o}", "nobody but its owner may write to it")
    if status.st_uid not in (0, os.geteuid()):
        raise _Wrong(f"{str(path)!r} of another owner", "it belongs to root or to who runs the gateway")
