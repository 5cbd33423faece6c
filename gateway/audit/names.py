"""What the files of an audit directory are called. Pure.

`worker-00.000001.jsonl` is the first segment of the chain of worker slot 0; `worker-00.lock` is held by the
process that writes the chain; `worker-00.000001.jsonl.torn` keeps what a crash left of an unfinished write.
"""

import re
from collections.abc import Iterable

_SEGMENT = re.compile(r"(worker-\d{2,})\.(\d{6,})\.jsonl")


def chain_name(worker: int) -> str:
    """The name of a worker slot's chain."""
    return f"worker-{worker:02d}"


def segment_name(chain: str, number: int) -> str:
    """The file name of a chain's segment; numbers start at 1."""
    return f"{chain}.{number:06d}.jsonl"


def segments(names: Iterable[str]) -> dict[str, list[int]]:
    """The segment numbers of every chain among the names of a directory, in ascending order."""
    found: dict[str, list[int]] = {}
    for match in filter(None, map(_SEGMENT.fullmatch, names)):
        found.setdefault(match[1], []).append(int(match[2]))
    return {chain: sorted(numbers) for chain, numbers in sorted(found.items())}
