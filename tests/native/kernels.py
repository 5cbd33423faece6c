"""Kernels for tests: built from the sources as they are now; skipped only where nothing can be built."""

import importlib.util
import os
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

from gateway.native import build, built


@cache
def kernel(name: str) -> ModuleType:
    """A kernel, whatever HUSHGATE_NATIVE says. HUSHGATE_SANITIZED: the folder of a sanitized build of it."""
    sanitized = os.environ.get("HUSHGATE_SANITIZED")
    if sanitized is None:
        compilable()
        build.build(os.environ, [name])
    file = built(name, None if sanitized is None else Path(sanitized))
    spec = importlib.util.spec_from_file_location(f"gateway.native.{name}", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def compilable() -> None:
    """Skip where there is no compiler or no Python.h; a kernel that does not compile is a failure."""
    try:
        build.compiler(os.environ)
        build.include_folder()
    except build.Unbuildable as why:
        pytest.skip(f"no kernel can be built here: {why}", allow_module_level=True)
