"""Optional compiled kernels: each does what a Python function of the product does, only faster.

A kernel is one C file of this folder, built beside it by `python -m gateway.native.build`. The Python
function is the reference: it runs where no kernel is built, and wherever a kernel declines by returning None.
Read here, once, at import: the kernels' files and HUSHGATE_NATIVE. Kernels themselves are pure.
"""

import hashlib
import importlib
import json
import os
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from types import ModuleType

FOLDER = Path(__file__).parent
SWITCH = "HUSHGATE_NATIVE"
"""Environment variable: "0" leaves every kernel out."""


def kernels() -> tuple[str, ...]:
    """Names of the kernels there is source of, built or not."""
    return tuple(sorted(file.stem for file in FOLDER.glob("*.c")))


def source(name: str) -> Path:
    """A kernel's source."""
    return FOLDER / f"{name}.c"


def built(name: str, folder: Path | None = None) -> Path:
    """Where this Python expects a kernel once it is built (`folder` None: where it is loaded from)."""
    return (FOLDER if folder is None else folder) / (name + EXTENSION_SUFFIXES[0])


def stamp(name: str, folder: Path | None = None) -> Path:
    """Where the build says what it was made from: a JSON object of strings."""
    return built(name, folder).with_name(built(name, folder).name + ".stamp")


def source_hash(name: str) -> str:
    """SHA-256 of a kernel's source and of the headers it may include, hex."""
    digest = hashlib.sha256(source(name).read_bytes())
    for header in sorted(FOLDER.glob("*.h")):
        digest.update(header.read_bytes())
    return digest.hexdigest()


def load(name: str) -> ModuleType | None:
    """The kernel `gateway.native.<name>`; None when switched off, not built, or built of another source.

    Never raises: without a kernel the product runs in Python.
    """
    if os.environ.get(SWITCH) == "0" or not _is_current(name):
        return None
    try:
        return importlib.import_module(f"gateway.native.{name}")
    except (ImportError, SystemError):
        return None


def _is_current(name: str) -> bool:
    # A kernel of an older source could give an older reading: worse than a slow one.
    try:
        made = json.loads(stamp(name).read_bytes())
        return isinstance(made, dict) and made.get("source") == source_hash(name)
    except (OSError, ValueError):
        return False


def loaded() -> tuple[str, ...]:
    """Names of the kernels in use."""
    return tuple(name for name in kernels() if load(name) is not None)
