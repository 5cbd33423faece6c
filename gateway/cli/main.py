"""The entry point: finds the verb, runs it, and says on stderr what went wrong.

The only function of the house that turns errors into exit codes.
"""

import os
import sys
from collections.abc import Sequence

from gateway.cli import exits, verbs
from gateway.errors import ConfigError, HushgateError, StoreError, UpstreamError


def main(argv: Sequence[str] | None = None) -> int:
    """Run `hushgate` with these arguments (default: the process's own); the answer is the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        return _run(arguments)
    except KeyboardInterrupt:
        _say("interrupted")
        return exits.INTERRUPTED
    except BrokenPipeError:
        _silence_stdout()
        return exits.BROKEN_PIPE
    except ConfigError as error:
        return _config_error(error)
    except (StoreError, UpstreamError) as error:
        _say(str(error))
        return exits.UNAVAILABLE
    except HushgateError as error:
        _say(str(error))
        return exits.FAILED
    except ModuleNotFoundError as error:
        return _missing_module(error, arguments)
    except OSError as error:
        _say(f"{error.filename}: {error.strerror}" if error.filename else str(error))
        return exits.UNAVAILABLE


def _run(arguments: list[str]) -> int:
    verb = next((word for word in arguments if not word.startswith("-")), None)
    known = verb in verbs.VERBS
    args = verbs.parser([verb] if known and verb else []).parse_args(arguments)
    code = verbs.load(args.verb).run(args)
    # A reader that went away is noticed here, where it can still be told from a failure.
    sys.stdout.flush()
    return code


def _config_error(error: ConfigError) -> int:
    for problem in error.problems:
        _say(str(problem))
    count = len(error.problems)
    _say(f"{count} mistake{'' if count == 1 else 's'}; nothing took effect")
    return exits.CONFIG


def _missing_module(error: ModuleNotFoundError, arguments: list[str]) -> int:
    verb = next((word for word in arguments if word in verbs.VERBS), "this")
    if (error.name or "").startswith("gateway."):
        _say(f"`{verb}` is not part of this installation")
    else:
        extra = "demo" if verb == "demo" else "api"
        _say(f"`{verb}` needs the package {error.name}: pip install 'hushgate[{extra}]'")
    return exits.UNAVAILABLE


def _say(text: str) -> None:
    sys.stderr.write(f"hushgate: {text}\n")


def _silence_stdout() -> None:
    # The interpreter flushes stdout once more at exit, and would complain about the same pipe.
    try:
        descriptor = sys.stdout.fileno()
    except (OSError, ValueError):
        return
    os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)


if __name__ == "__main__":
    sys.exit(main())
