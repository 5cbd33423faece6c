"""The compiled kernel for heads (gateway/native/headkernel.c), with its types; None where not built. Pure.

Each function answers None for whatever is not canonical, wrong input included: the Python beside it decides.
"""

from collections.abc import Callable
from typing import Protocol

from gateway.http1.fields import Headers, Index
from gateway.native import load

RequestRead = tuple[str, bytes, bytes, bytes, int, Headers, Index, bytes, int | None, bool, bool, bool, bool]
"""The fields of RequestHead, in their order."""
ResponseRead = tuple[int, bytes, int, Headers, Index, int | None, bool, bool]
"""status, reason, version_minor, headers, index, length, chunked, keep_alive: as the fields say."""
Pairs = list[tuple[bytes, bytes]] | tuple[tuple[bytes, bytes], ...]


class ReadRequest(Protocol):
    """See parse_request_head; limits in bytes, and a number of field lines."""

    def __call__(
        self, block: bytes, max_target: int, max_head: int, max_headers: int, /
    ) -> RequestRead | None:
        """Read one head."""
        ...


class ReadResponse(Protocol):
    """See parse_response_head."""

    def __call__(self, block: bytes, max_head: int, max_headers: int, /) -> ResponseRead | None:
        """Read one head."""
        ...


class ReadSized(Protocol):
    """See next_response: of an answer to a method with bodies. `make` takes the fields of ResponseHead."""

    def __call__[Head](
        self, buffer: bytes, max_head: int, max_headers: int, make: Callable[..., Head], /
    ) -> tuple[Head, int] | None:
        """Read the head of one whose length is said; and where it ends."""
        ...


class Answered(Protocol):
    """See encode.answer_head."""

    def __call__(
        self,
        status: int,
        reason: bytes,
        headers: Pairs,
        drop: frozenset[bytes],
        size: int,
        decision: bytes,
        masked: int,
        /,
    ) -> bytes | None:
        """Write one head."""
        ...


class Forward(Protocol):
    """See encode.forward."""

    def __call__(
        self, line: bytes, first: Pairs, headers: Pairs, drop: frozenset[bytes], extra: Pairs, /
    ) -> bytes | None:
        """Write one head."""
        ...


_module = load("headkernel")

read_request: ReadRequest | None = None if _module is None else _module.request
read_response: ReadResponse | None = None if _module is None else _module.response
read_sized: ReadSized | None = None if _module is None else _module.sized
forward: Forward | None = None if _module is None else _module.forward
answered: Answered | None = None if _module is None else _module.answered
