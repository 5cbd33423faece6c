"""Secrets by reference: `env:NAME` or `file:PATH` -> a value that no repr, log or problem shows."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

MAX_BYTES = 64 * 1024


class Secret(str):
    """A secret text. It is a str where it is used, and hidden where it is looked at.

    >>> Secret("token")
    Secret(hidden)
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "Secret(hidden)"


@dataclass(frozen=True, slots=True)
class Missing:
    """Why a reference has no value; says nothing of the value."""

    why: str


def resolve(reference: str, environ: Mapping[str, str], base: Path) -> Secret | Missing:
    """The text a reference stands for, without a last line end. A relative path is relative to `base`."""
    scheme, _, rest = reference.partition(":")
    if scheme == "env":
        value = environ.get(rest)
        return _checked(value, f"the environment variable {rest}")
    return _read(base / rest)


def _read(path: Path) -> Secret | Missing:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        return _checked(data.decode("utf-8"), f"the file {path}")
    except OSError as error:
        return Missing(f"the file {path}, which cannot be read ({error.strerror})")
    except (UnicodeDecodeError, ValueError):
        return Missing(f"the file {path}, which is not text")


def _checked(value: str | None, what: str) -> Secret | Missing:
    if value is None:
        return Missing(f"{what}, which is not set")
    text = value.removesuffix("\r\n").removesuffix("\n")
    if not text or len(text) > MAX_BYTES:
        return Missing(f"{what}, which is empty" if not text else f"{what}, which is too long")
    return Secret(text)
