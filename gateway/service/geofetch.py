"""Fetches the lists that operators publish, checks each whole and keeps it in place of the one before."""

import http.client
import os
import ssl
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final
from urllib.parse import urljoin, urlsplit

from gateway.errors import HushgateError, PayloadError, UpstreamError
from gateway.residency.published import LARGEST, Published, dump, load, read
from gateway.service.geo import ENDING

LISTS: Final = (
    "https://ip-ranges.amazonaws.com/ip-ranges.json",
    "https://www.gstatic.com/ipranges/cloud.json",
    "https://www.gstatic.com/ipranges/goog.json",
    "https://docs.oracle.com/en-us/iaas/tools/public_ip_ranges.json",
)
"""Where lists are published under names that stay. Azure's has another each week: `--from` names it."""
TIMEOUT: Final = 30.0
HOPS: Final = 3
LEAST: Final = 0.5
"""What a list must have at least of the blocks it had before."""
_SUFFIXES: Final = (".json", ".csv")


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one list: what is kept of it now, or why it was not taken."""

    name: str
    published: Published | None = None
    why: str = ""


def update(places: Iterable[str], folder: Path, today: date, *, force: bool) -> Iterator[Taken]:
    """Read lists from files, folders and https URLs, and keep those that are whole.

    Without `force`, one that is older than the one kept, or has lost half of its blocks, is not taken. Raises
    OSError when the folder cannot be written.
    """
    for place in places:
        for name in _files(place):
            try:
                found = read(_stem(name), _content(name), today)
                _replace(found, folder, force=force)
            except (HushgateError, OSError) as error:
                detail = error.detail if isinstance(error, HushgateError) else str(error)
                yield Taken(name, why=detail)
            else:
                yield Taken(name, found)


def _files(place: str) -> list[str]:
    path = Path(place)
    if place.startswith("https:") or not path.is_dir():
        return [place]
    return [str(file) for file in sorted(path.iterdir()) if file.suffix in _SUFFIXES]


def _stem(name: str) -> str:
    return Path(urlsplit(name).path if name.startswith("https:") else name).stem


def _content(name: str) -> bytes:
    if not name.startswith("https:"):
        with Path(name).open("rb") as file:
            return file.read(LARGEST + 1)
    for _ in range(HOPS):
        raw, onward = _asked(name)
        if not onward:
            return raw
        name = urljoin(name, onward)
    raise UpstreamError("upstream_invalid", "too many redirects")


def _asked(url: str) -> tuple[bytes, str]:
    """A whole body, or where a redirect leads. The environment's proxies are not asked."""
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        raise UpstreamError("upstream_untrusted", "it leads away from https")
    context = ssl.create_default_context()
    connection = http.client.HTTPSConnection(parts.hostname, parts.port, timeout=TIMEOUT, context=context)
    try:
        connection.request("GET", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
        answer = connection.getresponse()
        if answer.status in (301, 302, 303, 307, 308):
            return b"", answer.headers.get("Location", "")
        if answer.status != http.client.OK:
            raise UpstreamError("upstream_invalid", f"it answered {answer.status}")
        return _whole(answer), ""
    except ssl.SSLCertVerificationError as error:  # which is a ValueError too
        raise UpstreamError("upstream_untrusted", f"its certificate: {error.verify_message}") from error
    except (http.client.HTTPException, ValueError) as error:
        raise UpstreamError("upstream_invalid", "it does not speak HTTP") from error
    finally:
        connection.close()


def _whole(answer: http.client.HTTPResponse) -> bytes:
    """All of a body, which tells where it ends. Raises HTTPException where it breaks off."""
    told = answer.length
    if told is None and not answer.chunked:
        raise UpstreamError("upstream_invalid", "it does not tell how long its answer is")
    raw = b"" if told is not None and told > LARGEST else answer.read(LARGEST + 1)
    if max(len(raw), told or 0) > LARGEST:
        raise PayloadError("body_too_large", f"more than {LARGEST >> 20} MiB")
    if told is not None and len(raw) != told:  # read() itself says so of chunks alone
        raise UpstreamError("upstream_invalid", f"it broke off after {len(raw)} of {told} bytes")
    return raw


def file_of(found: Published, folder: Path) -> Path:
    """Where a list is kept: one per operator, and one more for what an operator publishes without places."""
    placed = any(word[:1].isalpha() for word in found.table.words)
    return folder / f"{found.operator.lower()}{'' if placed else '-everywhere'}{ENDING}"


def _replace(found: Published, folder: Path, *, force: bool) -> None:
    path = file_of(found, folder)
    if path.exists() and not force:
        before = load(path.read_bytes()).source
        if found.source.dated < before.dated:
            raise PayloadError("unparseable_body", f"older than the one kept, of {before.dated}", path.name)
        if found.source.rows < before.rows * LEAST:
            what = f"{found.source.rows} blocks, where there were {before.rows}"
            raise PayloadError("unparseable_body", what, path.name)
    fresh = path.with_suffix(".new")
    with fresh.open("wb") as file:
        file.write(dump(found))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)  # the name too is on disk
    finally:
        os.close(handle)
