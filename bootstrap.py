#!/usr/bin/env python3
"""Makes `.venv` from `requirements.lock`, on any Python >= 3.6, with the standard library alone.

Owns the search for an interpreter >= 3.12, the virtual environment and its stamp. A stamp written last says
that `.venv` is whole and what it was made from; without it the environment is made (or completed) again.
"""

import contextlib
import fcntl
import glob
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from typing import Dict, Iterator, List, Optional, Tuple

OLDEST = (3, 12)
# The versions the project is tested on come first: an older tested one beats a newer untested one.
VERSIONS = ("3.12", "3.13", "3.14")
PREFIXES = ("/usr/local/bin", "/opt/homebrew/bin", "/usr/bin", "/opt/local/bin")
NATIVE = os.path.join("gateway", "native")
FORMAT = 1  # of the stamp; raise it to have every environment made anew

PROBE = (
    "import json, sys, ssl, sqlite3, venv, ensurepip; ssl.create_default_context();"
    "sqlite3.connect(':memory:').execute('select 1');"
    "print(json.dumps([list(sys.version_info[:3]), sys.executable]))"
)

HOW_TO_GET_ONE = """\
hushgate needs Python {oldest} or later, with its venv, ssl and sqlite3 modules. None was found.

  Debian, Ubuntu   sudo apt-get install python3.12 python3.12-venv
  Fedora           sudo dnf install python3.12
  macOS            brew install python@3.12
  pyenv            pyenv install 3.12
  uv               uv python install 3.12

Then run make again. One that is somewhere else: make run HUSHGATE_PYTHON=/path/to/python3.12
"""


class SetupError(Exception):
    """Set-up cannot go on; the text says why and what to do."""


def say(text: str) -> None:
    """One line on stderr per stage."""
    sys.stderr.write("[setup] %s\n" % text)
    sys.stderr.flush()


# ---- finding an interpreter -----------------------------------------------------------------------------


def on_path(name: str, path: str) -> List[str]:
    """Every executable of this name on PATH but pyenv's shims, which only work for active versions."""
    found = []
    for folder in path.split(os.pathsep):
        program = os.path.join(folder, name)
        if folder and os.path.basename(folder) != "shims" and os.access(program, os.X_OK):
            found.append(program)
    return found


def pyenv_roots(env: Dict[str, str]) -> List[str]:
    """Where pyenv may keep versions: its variable, the home folder, and beside a `shims` folder on PATH."""
    shims = [
        folder for folder in env.get("PATH", "").split(os.pathsep) if os.path.basename(folder) == "shims"
    ]
    roots = [env.get("PYENV_ROOT", ""), os.path.join(env.get("HOME", ""), ".pyenv")]
    roots.extend(os.path.dirname(folder) for folder in shims)
    return [root for n, root in enumerate(roots) if os.path.isabs(root) and root not in roots[:n]]


def pyenv_versions(env: Dict[str, str], version: str) -> List[str]:
    """Interpreters of one minor version that pyenv keeps, the newest patch first."""
    found = []  # type: List[str]
    for root in pyenv_roots(env):
        folders = glob.glob(os.path.join(glob.escape(root), "versions", version + "*"))
        folders.sort(key=lambda folder: numbers(os.path.basename(folder)), reverse=True)
        found.extend(os.path.join(folder, "bin", "python" + version) for folder in folders)
    return found


def numbers(text: str) -> List[int]:
    """The numbers in a version, to sort 3.12.10 after 3.12.9."""
    return [int(number) for number in re.findall("[0-9]+", text)]


def candidates(env: Dict[str, str]) -> Iterator[str]:
    """Where an interpreter may be, the most wanted first; `uv` is asked only when the rest did not do."""
    path = env.get("PATH", "")
    for version in VERSIONS:
        name = "python" + version
        yield from on_path(name, path)
        yield from pyenv_versions(env, version)
        for prefix in PREFIXES:
            yield os.path.join(prefix, name)
    for name in ("python3", "python"):
        yield from on_path(name, path)
    for uv in on_path("uv", path)[:1]:
        answer = output([uv, "python", "find", "--no-project", ">=%d.%d" % OLDEST], env)
        if answer:
            yield answer.strip()


def output(command: List[str], env: Dict[str, str]) -> Optional[str]:
    """What a command prints, or None when it cannot be run, fails, or takes over a minute."""
    try:
        done = subprocess.run(
            command,
            env=clean(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=60,
            universal_newlines=True,
        )
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


# What would make another Python, or pip, work on something else than `.venv`.
MISLEADING = (
    "PIP_USER",
    "PIP_TARGET",
    "PIP_PREFIX",
    "PIP_ROOT",
    "PIP_REQUIRE_VIRTUALENV",
    "__PYVENV_LAUNCHER__",
)


def clean(env: Dict[str, str]) -> Dict[str, str]:
    """The environment without what misleads."""
    return {k: v for k, v in env.items() if k not in MISLEADING and not k.startswith("PYTHON")}


def probe(program: str, env: Dict[str, str]) -> Optional[Tuple[Tuple[int, ...], str]]:
    """(version, path) when this is an interpreter that is new enough and has what we need, by running it."""
    if not os.access(program, os.X_OK):
        return None
    printed = output([program, "-I", "-c", PROBE], env)
    try:
        version, executable = json.loads(printed or "")
    except ValueError:
        return None
    return (tuple(version), str(executable)) if tuple(version) >= OLDEST else None


def find_interpreter(env: Dict[str, str]) -> Tuple[Tuple[int, ...], str]:
    """The interpreter to use. HUSHGATE_PYTHON is taken or refused, never silently passed over."""
    wanted = env.get("HUSHGATE_PYTHON")
    if wanted:
        chosen = probe(shutil.which(wanted, path=env.get("PATH")) or wanted, env)
        if chosen is None:
            raise SetupError(
                "HUSHGATE_PYTHON is %s, which is not a Python >= %d.%d with venv, ssl and sqlite3"
                % (wanted, OLDEST[0], OLDEST[1])
            )
        return chosen
    tried = set()
    for program in candidates(env):
        real = os.path.realpath(program)
        if real not in tried:
            tried.add(real)
            chosen = probe(program, env)
            if chosen is not None:
                return chosen
    raise SetupError(HOW_TO_GET_ONE.format(oldest="%d.%d" % OLDEST))


# ---- the stamp ------------------------------------------------------------------------------------------


def digest(path: str) -> str:
    """SHA-256 of a file, hex; empty when it is not there."""
    try:
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()
    except FileNotFoundError:
        return ""


def fingerprint(path: str) -> List[int]:
    """What changes when an interpreter is replaced: size and modification time."""
    try:
        status = os.stat(path)
    except OSError:
        return []
    return [status.st_size, int(status.st_mtime)]


class Setup:
    """One repository's environment: what it should be made from, and what it was made from."""

    def __init__(self, root: str, env: Dict[str, str]) -> None:
        self.root = root
        self.env = env
        self.venv = os.path.join(root, ".venv")
        self.python = os.path.join(self.venv, "bin", "python")
        self.stamp_file = os.path.join(self.venv, "hushgate-stamp.json")
        self.building = os.path.join(self.venv, "hushgate-building")
        self.lock = os.path.join(root, "requirements.lock")

    def wanted(self) -> Dict[str, object]:
        """What the stamp must say, its interpreter left out."""
        return {
            "format": FORMAT,
            "root": self.root,
            "lock": digest(self.lock),
            "project": digest(os.path.join(self.root, "pyproject.toml")),
            "native": self.native_sources(),
        }

    def native_sources(self) -> Dict[str, str]:
        """The sources of the compiled kernels and of their build, by name."""
        files = glob.glob(os.path.join(glob.escape(self.root), NATIVE, "*.[chp]*"))
        return {os.path.basename(file): digest(file) for file in files if file.endswith((".c", ".h", ".py"))}

    def stamp(self) -> Dict[str, object]:
        """What the environment was made from; empty when it is not whole."""
        try:
            with open(self.stamp_file, encoding="utf-8") as file:
                read = json.load(file)
        except (OSError, ValueError):
            return {}
        return read if isinstance(read, dict) else {}

    def stale(self) -> Optional[str]:
        """None when `.venv` is right; "native", "project" when only that must be made again; else "all"."""
        stamp, wanted = self.stamp(), self.wanted()
        base = str(stamp.get("python", ""))
        asked = self.env.get("HUSHGATE_PYTHON") or stamp.get("asked")
        sound = asked == stamp.get("asked") and bool(base) and fingerprint(base) == stamp.get("fingerprint")
        if not sound or not os.access(self.python, os.X_OK):
            return "all"
        if any(stamp.get(key) != wanted[key] for key in ("format", "root", "lock")):
            return "all"
        if stamp.get("project") != wanted["project"]:
            return "project"
        return None if stamp.get("native") == wanted["native"] else "native"

    def write_stamp(self, python: str, **differing: object) -> None:
        """Say what the environment is whole of: last, and in one rename."""
        stamp = dict(self.wanted(), python=python, fingerprint=fingerprint(python), **differing)
        stamp["asked"] = self.env.get("HUSHGATE_PYTHON") or self.stamp().get("asked")
        with open(self.stamp_file + ".new", "w", encoding="utf-8") as file:
            json.dump(stamp, file, indent=1)
        os.replace(self.stamp_file + ".new", self.stamp_file)
        with contextlib.suppress(FileNotFoundError):
            os.remove(self.building)

    # ---- making it ----------------------------------------------------------------------------------

    def ensure(self) -> None:
        """Make `.venv` right, alone: whoever comes meanwhile waits, then finds it made."""
        if self.stale() is None:
            return
        os.makedirs(os.path.join(self.root, ".state"), exist_ok=True)
        with open(os.path.join(self.root, ".state", "bootstrap.lock"), "w") as held:
            wait_for(held.fileno())
            stale = self.stale()
            if stale == "all":
                self.make()
            elif stale is not None:
                if stale == "project":
                    self.install_project()
                self.build_native()
                self.write_stamp(str(self.stamp()["python"]))

    def make(self) -> None:
        """A whole new environment; one that somebody else made by hand is completed, not thrown away."""
        own = self.adoptable()
        version, python = own or find_interpreter(self.env)
        say("Python %s (%s)" % (".".join(map(str, version)), python))
        if own is None:
            self.create(python)
        started = time.monotonic()
        self.install_locked()
        self.write_stamp(os.path.realpath(python), project="")
        self.install_project()
        self.build_native()
        self.write_stamp(os.path.realpath(python))
        say("ready after %.0f s" % (time.monotonic() - started))

    def adoptable(self) -> Optional[Tuple[Tuple[int, ...], str]]:
        """A `.venv` that works and that we did not begin: its interpreter, else None."""
        ours = os.path.exists(self.building) or os.path.exists(self.stamp_file)
        if ours or output([self.python, "-I", "-m", "pip", "--version"], self.env) is None:
            return None
        return probe(self.python, self.env)

    def create(self, python: str) -> None:
        """An empty environment, marked as being built until the stamp is written."""
        say("making .venv")
        if os.path.islink(self.venv) or os.path.isfile(self.venv):
            os.remove(self.venv)
        elif os.path.isdir(self.venv):
            shutil.rmtree(self.venv)
        os.makedirs(self.venv)
        with open(self.building, "w"):
            pass
        self.run([python, "-I", "-m", "venv", self.venv], "making the virtual environment")

    def install_locked(self) -> None:
        """What the lock file names, each file checked against its hash."""
        with open(self.lock, encoding="utf-8") as file:
            count = sum(1 for line in file if re.match(r"[A-Za-z0-9]", line))
        say("installing %d locked packages" % count)
        # The lock is complete, so resolving again could only find something else.
        self.pip(["--require-hashes", "--no-deps", "-r", self.lock], "installing the locked packages")

    def install_project(self) -> None:
        """The project itself, editable, by the build backend of the lock."""
        say("installing hushgate")
        self.pip(["--no-deps", "--no-build-isolation", "-e", self.root], "installing hushgate")

    def build_native(self) -> None:
        """The compiled kernels. Without them everything works, only slower: no reason to stop."""
        command = [self.python, "-I", "-m", "gateway.native.build"]
        try:
            self.run(command, "building the native kernels", show=True)
        except SetupError:
            say("the native kernels are not built: Hushgate runs in pure Python")

    def pip(self, arguments: List[str], what: str) -> None:
        """Run pip's install inside the environment."""
        options = ["--quiet", "--disable-pip-version-check", "--no-input"]
        self.run([self.python, "-I", "-m", "pip", "install", *options, *arguments], what)

    def run(self, command: List[str], what: str, show: bool = False) -> None:
        """Run a command; what it printed is shown when it failed, or when `show` says so."""
        done = subprocess.run(
            command,
            cwd=self.root,
            env=clean(self.env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        if done.returncode or show:
            sys.stderr.write(done.stdout.decode("utf-8", "replace"))
        if done.returncode:
            raise SetupError("%s failed (see above); mend it and run make again" % what)


def wait_for(descriptor: int) -> None:
    """Take the lock; say so when somebody else has it. The kernel gives it back when its holder dies."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say("waiting for another set-up of this folder")
        fcntl.flock(descriptor, fcntl.LOCK_EX)


def main() -> int:
    """Set up the repository this file stands in; 0, or 1 with the reason on stderr."""
    try:
        Setup(os.path.dirname(os.path.realpath(__file__)), dict(os.environ)).ensure()
    except SetupError as error:
        sys.stderr.write("%s\n" % error)
        return 1
    except KeyboardInterrupt:
        say("interrupted; run make again to go on")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
