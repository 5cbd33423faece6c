"""The upstream that answers from memory: whole answers, in turn, of the kind that was asked for."""

import json
import os
from contextlib import suppress
from pathlib import Path

import pytest

from benchmarks import work
from benchmarks.peers.table import HEADERS, PROBE
from benchmarks.processes import fetch
from benchmarks.upstream.canned import start_canned
from gateway.native.build import Unbuildable, compiler


def _compiled() -> bool:
    with suppress(Unbuildable):
        return bool(compiler(os.environ))
    return False


@pytest.mark.skipif(not _compiled() or not Path("/proc").exists(), reason="no C compiler, or no Linux")
def test_contacts_and_lists_in_turn(tmp_path: Path) -> None:
    server, port = start_canned(tmp_path)
    try:
        server.wait(port, PROBE, HEADERS)
        got = [json.loads(fetch(port, "GET", PROBE, HEADERS)[1]) for _ in range(2)]
        page = json.loads(fetch(port, "GET", f"{work.CONTACTS}?limit=100&after=0", HEADERS)[1])
    finally:
        server.stop()
    assert got == [work.contact(1), work.contact(2)]
    assert page == work.page(0, 100)
