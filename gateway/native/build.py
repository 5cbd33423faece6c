"""Builds the kernels where they stand: `python -m gateway.native.build`. Nothing here is needed to run.

Quiet when all is well. What keeps it from building (no compiler, no headers of Python, a folder that cannot
be written) is said in one line and is no failure: the product then runs in pure Python.
"""

import argparse
import contextlib
import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path

from gateway.native import built, kernels, source, source_hash, stamp

COMPILERS = ("cc", "gcc", "clang")
WARNINGS = ("-Wall", "-Wextra", "-Wno-missing-field-initializers")
RELEASE = ("-O2", "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=2", "-fstack-protector-strong")
"""What these parse is hostile: the checks of compiler and C library stay on."""
SANITIZED = (
    *("-O1", "-g", "-fno-omit-frame-pointer", "-Werror"),
    *("-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"),
)
SHARED: Mapping[str, tuple[str, ...]] = {"darwin": ("-bundle", "-undefined", "dynamic_lookup")}
"""How a loadable module is linked, by platform; elsewhere `-shared`."""


class Unbuildable(Exception):  # noqa: N818 - a state of the machine, not an error of the house
    """Kernels cannot be built here; the text says why."""


def compiler(env: Mapping[str, str]) -> list[str]:
    """The C compiler as a command: CC (which may hold options), else the first of the usual names on PATH."""
    for command in (env.get("CC", ""), *COMPILERS):
        words = shlex.split(command)
        if words and shutil.which(words[0], path=env.get("PATH")) is not None:
            return words
    raise Unbuildable("no C compiler was found")


def include_folder() -> Path:
    """The folder of Python.h."""
    folder = Path(sysconfig.get_paths()["include"])
    if not (folder / "Python.h").is_file():
        raise Unbuildable(f"Python.h is not in {folder}")
    return folder


def identity(command: Sequence[str]) -> str:
    """What a compiler calls itself: another version builds anew."""
    try:
        done = subprocess.run([*command, "--version"], capture_output=True, text=True, timeout=60)  # noqa: S603 - the operator's own compiler
    except (OSError, subprocess.SubprocessError) as error:
        raise Unbuildable(f"the C compiler {command[0]} does not run") from error
    return shlex.join(command) + ": " + done.stdout.partition("\n")[0]


def recipe(name: str, made_by: str, flags: Sequence[str]) -> dict[str, str]:
    """What the stamp of a kernel says when it need not be built again."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return {"source": source_hash(name), "compiler": made_by, "flags": shlex.join(flags), "python": python}


def is_current(name: str, wanted: Mapping[str, str], folder: Path | None = None) -> bool:
    """Whether a kernel is built, and of what `wanted` says."""
    try:
        return built(name, folder).is_file() and json.loads(stamp(name, folder).read_bytes()) == wanted
    except (OSError, ValueError):
        return False


def compile_one(
    name: str,
    command: Sequence[str],
    flags: Sequence[str],
    wanted: Mapping[str, str],
    folder: Path | None = None,
) -> None:
    """Build one kernel: whoever imports it meanwhile finds the old file or the new one, whole."""
    target = built(name, folder)
    # With the process in its name: two builds at once must not write one file.
    fresh = target.with_name(f".{name}.{os.getpid()}.tmp")
    shared = SHARED.get(sys.platform, ("-shared",))
    options = [*WARNINGS, *flags, "-fPIC", *shared, f"-I{include_folder()}", "-o", str(fresh)]
    try:
        done = subprocess.run(  # noqa: S603 - as above
            [*command, *options, str(source(name))], capture_output=True, text=True
        )
        if done.returncode:
            raise Unbuildable(f"{name}.c does not compile with {command[0]}:\n{done.stderr.rstrip()}")
        # The old stamp goes first: a stop in between must not leave it beside the new file.
        stamp(name, folder).unlink(missing_ok=True)
        fresh.replace(target)
        fresh.write_text(json.dumps(wanted))
        fresh.replace(stamp(name, folder))
    finally:
        with contextlib.suppress(FileNotFoundError):
            fresh.unlink()


def build(
    env: Mapping[str, str],
    names: Sequence[str] | None = None,
    *,
    sanitize: bool = False,
    folder: Path | None = None,
) -> list[str]:
    """Build what is not current of `names` (None: all); the names of what was built. Raises Unbuildable."""
    flags = SANITIZED if sanitize else RELEASE
    command = compiler(env)
    made_by = identity(command)
    include_folder()
    done: list[str] = []
    failed: list[str] = []
    for name in kernels() if names is None else names:
        wanted = recipe(name, made_by, flags)
        if is_current(name, wanted, folder):
            continue
        try:
            compile_one(name, command, flags, wanted, folder)
            done.append(name)
        except Unbuildable as why:
            failed.append(str(why))
        except OSError as error:
            failed.append(f"{built(name, folder).parent} cannot be written: {error.strerror}")
    if failed:
        raise Unbuildable("\n".join(failed))
    return done


def stale(env: Mapping[str, str]) -> list[str]:
    """Names of the kernels that a build would make. Raises Unbuildable."""
    made_by = identity(compiler(env))
    return [name for name in kernels() if not is_current(name, recipe(name, made_by, RELEASE))]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command: 0, or 1 when `--check` finds something to build or `--sanitize` cannot."""
    parser = argparse.ArgumentParser(prog="python -m gateway.native.build", description=__doc__)
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument(
        "--check", action="store_true", help="build nothing; exit 1 when that would do something"
    )
    choice.add_argument(
        "--sanitize",
        metavar="FOLDER",
        type=Path,
        help="for tests: build into this folder with the address and undefined-behaviour sanitizers",
    )
    options = parser.parse_args(arguments)
    try:
        if options.check:
            missing = stale(os.environ)
            if missing:
                print(f"not built: {', '.join(missing)}", file=sys.stderr)
            return int(bool(missing))
        if options.sanitize:
            options.sanitize.mkdir(parents=True, exist_ok=True)
            build(os.environ, sanitize=True, folder=options.sanitize)
        else:
            build(os.environ)
    except Unbuildable as why:
        print(
            f"a native kernel is missing, so Hushgate runs in pure Python there: {why}",
            file=sys.stderr,
        )
        return int(options.sanitize is not None)
    return 0


if __name__ == "__main__":
    sys.exit(main())
