"""Parsed rule files on disk, so that a start with thousands of tenants does not parse them all again.

One file: a magic line, packed policies back to back, an index of them, and a footer (offset of the index,
SHA-256 of all before it). Written to the side and renamed, readable by its owner only. What is damaged, of
another version or not ours alone is not used: the caller is told why, and parses.
"""

import hashlib
import os
import stat
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Final
from weakref import finalize

import msgspec

from gateway.errors import InternalError
from gateway.model import Client, Policy, Struct
from gateway.policy.rulefile import ROOT
from gateway.policy.taxonomy import CATEGORIES, USES
from gateway.residency.law import WORDS
from gateway.strict.reference import reference

FORMAT: Final = 4
"""Raised when rule files come to be read differently without any change to schema, model or vocabulary."""

KEPT: Final = 256
"""Decoded policies kept per source."""

_MAGIC: Final = b"hushgate-policies\n"
_FOOTER: Final = struct.Struct(">Q32s")


class Line(Struct, gc=False):
    """What is known of one rule file without decoding its policy. `version` is the SHA-256 of its bytes.

    `providers`, `operations`, `maskers` (of plugins) and `recipients` (that the file itself does not
    declare, in lower case) are those its rules name; `accountable`: how it stands depends on the day
    (policy.steps); `offset` and `size` say where the policy is.
    """

    file: str
    tenant: str
    version: str
    clients: tuple[Client, ...]
    providers: tuple[str, ...]
    operations: tuple[str, ...]
    maskers: tuple[str, ...]
    recipients: tuple[str, ...]
    accountable: bool
    offset: int
    size: int


class Index(Struct):
    """The lines of one cache file, for the rule files of one folder."""

    schema: str
    folder: str
    lines: tuple[Line, ...]


@cache
def schema_version() -> str:
    """Changes with the language of rules, the model, and the words both know: then nothing cached is used."""
    digest = hashlib.sha256(f"{FORMAT}\n{reference(ROOT)}\n".encode())
    digest.update(msgspec.json.encode(msgspec.json.schema(Policy)))
    digest.update(msgspec.json.encode((sorted(CATEGORIES.items()), sorted(USES), sorted(WORDS))))
    return digest.hexdigest()


class Source:
    """Packed policies in an open file, decoded when asked for; the last few stay decoded."""

    def __init__(self, file: BinaryIO) -> None:
        """Takes the file over: it is closed here, or when nothing refers to this source any more."""
        self._memory = file.getvalue() if isinstance(file, BytesIO) else b""
        self._handle = -1 if isinstance(file, BytesIO) else os.dup(file.fileno())
        file.close()
        self._close = finalize(self, os.close, self._handle) if self._handle >= 0 else None
        self.policy = lru_cache(maxsize=KEPT)(self._policy)

    def blob(self, offset: int, size: int) -> bytes:
        """The bytes of one packed policy. Raises OSError."""
        if self._handle < 0:
            return self._memory[offset : offset + size]
        return os.pread(self._handle, size, offset)

    def _policy(self, offset: int, size: int) -> Policy:
        try:
            return msgspec.msgpack.decode(self.blob(offset, size), type=Policy)
        except (OSError, msgspec.MsgspecError) as error:
            raise InternalError("a parsed rule file cannot be read back", "policy cache") from error

    def close(self) -> None:
        """Close the file; policies that are not decoded yet no longer can be."""
        if self._close:
            self._close()


@dataclass(frozen=True, slots=True)
class Cache:
    """An opened cache file."""

    source: Source
    lines: dict[str, Line]
    """By name of the rule file."""


def open_cache(path: Path, folder: str, warn: Callable[[str], None]) -> Cache | None:
    """The cache of a folder of rules, or None when there is none or it is not usable (`warn` says why)."""
    try:
        file = path.open("rb", buffering=0)
    except FileNotFoundError:
        return None
    except OSError as error:
        warn(f"policy cache {path} cannot be read ({error.strerror}); parsing all rule files")
        return None
    found = _verified(file, folder)
    if isinstance(found, str):
        file.close()
        warn(f"policy cache {path} {found}; parsing all rule files")
        return None
    return Cache(Source(file), {line.file: line for line in found.lines})


def _verified(file: BinaryIO, folder: str) -> Index | str:
    """The index of a whole and current cache file, or what is wrong with it."""
    try:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o077:
            return "is open to others than its owner"
        index = _index(file, status.st_size)
    except (OSError, msgspec.MsgspecError) as error:
        return f"is damaged ({type(error).__name__})"
    if index is None:
        return "is damaged (digest)"
    if index.schema != schema_version() or index.folder != folder:
        return "is of another version or folder"
    return index


def _index(file: BinaryIO, size: int) -> Index | None:
    end = size - _FOOTER.size
    if end < len(_MAGIC) or os.pread(file.fileno(), len(_MAGIC), 0) != _MAGIC:
        return None
    start, digest = _FOOTER.unpack(os.pread(file.fileno(), _FOOTER.size, end))
    hasher, at = hashlib.sha256(), 0
    while at < end:
        part = os.pread(file.fileno(), min(1 << 20, end - at), at)
        if not part:
            return None
        hasher.update(part)
        at += len(part)
    if hasher.digest() != digest or not len(_MAGIC) <= start <= end:
        return None
    return msgspec.msgpack.decode(os.pread(file.fileno(), end - start, start), type=Index)


class Writer:
    """A new cache file, written to the side; `commit` puts it in place and answers it opened.

    `path` None keeps everything in memory. Every method but `abandon` raises OSError when the disk refuses.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._side = path.with_name(f".{path.name}.{os.getpid()}") if path else None
        self._hash = hashlib.sha256()
        self._lines: dict[str, Line] = {}
        self._at = 0
        self._file: BinaryIO = self._opened()
        self._write(_MAGIC)

    def _opened(self) -> BinaryIO:
        if self._side is None:
            return BytesIO()
        self._side.unlink(missing_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        return os.fdopen(os.open(self._side, flags, 0o600), "w+b")

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self._hash.update(data)
        self._at += len(data)

    def add(self, line: Line, blob: bytes) -> None:
        """Take one parsed file; where its policy is put replaces `offset` and `size`."""
        self._lines[line.file] = msgspec.structs.replace(line, offset=self._at, size=len(blob))
        self._write(blob)

    def commit(self, folder: str) -> Cache:
        """Write the index, make the file durable and put it in place. Raises OSError."""
        start = self._at
        index = Index(schema=schema_version(), folder=folder, lines=tuple(self._lines.values()))
        self._write(msgspec.msgpack.encode(index))
        self._file.write(_FOOTER.pack(start, self._hash.digest()))
        self._file.flush()
        if self._path and self._side:
            os.fsync(self._file.fileno())
            self._side.replace(self._path)
            _sync_folder(self._path.parent)
        return Cache(Source(self._file), self._lines)

    def abandon(self) -> None:
        """Throw away what was written."""
        self._file.close()
        if self._side:
            self._side.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
