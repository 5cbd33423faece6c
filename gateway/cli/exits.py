"""Exit codes of `hushgate`, the same for every verb. Pure."""

from typing import Final

OK: Final = 0
FAILED: Final = 1
USAGE: Final = 2
CONFIG: Final = 3
UNAVAILABLE: Final = 4
INTERRUPTED: Final = 130
BROKEN_PIPE: Final = 141

MEANINGS: Final = {
    OK: "done, and everything that was checked holds",
    FAILED: "done, and something that was checked does not hold",
    USAGE: "the command line cannot be understood",
    CONFIG: "a configuration, rule, pack or case file has mistakes; nothing of it took effect",
    UNAVAILABLE: "a file, port, store, package or service that is needed cannot be had",
    INTERRUPTED: "stopped by Ctrl-C",
    BROKEN_PIPE: "the reader of the output went away",
}


def epilog() -> str:
    """The table as `--help` and the reference print it."""
    return "exit codes:\n" + "\n".join(f"  {code:<4} {meaning}" for code, meaning in MEANINGS.items())
