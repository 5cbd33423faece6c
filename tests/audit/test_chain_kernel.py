"""The compiled chain and hash against the Python they stand for."""

from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit import chain
from gateway.audit.chain import GENESIS, Link, chained, chained_by_rule, digest
from gateway.keys import digest as short_digest
from tests.native.kernels import kernel

KERNEL: Any = kernel("mackernel")
BODIES = st.lists(st.binary(max_size=200), max_size=5)
LINKS = st.builds(Link, st.integers(0, 10**18 - 1), st.binary(max_size=3).map(digest) | st.just(GENESIS))


@given(LINKS, BODIES)
def test_lines_and_links_are_those_of_the_reference(link: Link, bodies: list[bytes]) -> None:
    data, after = chained_by_rule(link, bodies)
    assert chained(link, bodies) == (data, after)
    assert KERNEL.chain(link.seq, link.prev, bodies) == (data, after.prev)


@given(st.integers(0, 300).flatmap(lambda size: st.binary(min_size=size, max_size=size)))
def test_the_hash_is_sha_256(data: bytes) -> None:
    assert KERNEL.digest(data) == short_digest(data) == sha256(data).digest()


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("digest", ("text",)),
        ("chain", (0, GENESIS)),
        ("chain", (0, GENESIS[1:], [])),
        ("chain", (0, "é" * 64, [])),
        ("chain", (-1, GENESIS, [])),
        ("chain", (2**64, GENESIS, [])),
        ("chain", (0, GENESIS, [b"a", "b"])),
        ("chain", (0, GENESIS, (b"a",))),
    ],
)
def test_wrong_arguments_are_refused(name: str, arguments: tuple[object, ...]) -> None:
    with pytest.raises((TypeError, OverflowError)):
        getattr(KERNEL, name)(*arguments)


def test_without_the_kernel_the_reference_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain, "_kernel", None)
    assert chained(Link(), [b'"a":1}']) == chained_by_rule(Link(), [b'"a":1}'])
