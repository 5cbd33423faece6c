"""A writer is killed with SIGKILL in the middle of its work: all that it said was accepted is in the log."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import gateway
from gateway import clock
from gateway.audit.chain import decode
from tests.audit.audit_world import Turner, assert_verified, lines

WRITER = """
import asyncio, sys
from gateway.clock import now
from gateway.audit.aio import appended, open_log
from gateway.audit.record import Record

async def client(log, name):
    for number in range(1_000_000):
        await appended(log, Record(phase="read", id=f"{name}-{number}", at=now(), note="x" * 300))
        print(f"{name}-{number}", flush=True)

async def main(directory, durability, life):
    log = open_log(directory, 0, durability, segment_bytes=20_000)
    await asyncio.gather(*(client(log, f"life{life}.client{n}") for n in range(8)))

asyncio.run(main(*sys.argv[1:]))
"""


def live_until_killed(directory: Path, durability: str, life: int, lines_read: int) -> list[str]:
    environ = {**os.environ, "PYTHONPATH": str(Path(gateway.__file__).parents[1])}
    command = [sys.executable, "-c", WRITER, str(directory), durability, str(life)]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        said = [writer.stdout.readline() for _ in range(lines_read)]
        writer.kill()
        said += writer.stdout.readlines()
    return [line.strip() for line in said if line.endswith("\n")]


@pytest.mark.parametrize("durability", ["strict", "written"])
def test_what_was_accepted_before_a_kill_is_in_the_log(tmp_path: Path, durability: str) -> None:
    accepted: list[str] = []
    for life, lines_read in enumerate((1, 200, 1000)):
        accepted += live_until_killed(tmp_path, durability, life, lines_read)
    Turner(now=clock.now()).open(tmp_path).close()
    report = assert_verified(tmp_path)
    found = Counter(decode(line).record.id for line in lines(tmp_path))
    assert len(accepted) >= 1201
    assert {found[name] for name in accepted} == {1}
    assert report.records == len(lines(tmp_path))
