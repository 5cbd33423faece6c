"""The canary in a worker: it counts, makes the worker unready while something leaks, and takes little."""

import asyncio
import logging
import os
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import gateway.canary.play
from gateway import clock
from gateway.canary.play import Released, Target
from gateway.canary.rounds import targets
from gateway.codecs.json import JsonCodec
from gateway.codecs.program import Limits
from gateway.deployment import Bind, Listener
from gateway.errors import InternalError
from gateway.exchange.exchange import Env
from gateway.metrics import Metrics, total
from gateway.service import canary as watching
from gateway.service.canary import Canary
from gateway.service.process import Post, Watched, _beat
from gateway.service.slot import Slot
from tests.service.house import House, run, running, until
from tests.world import RULES, World


@pytest.fixture(autouse=True)
def without_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "SHARE", 0)


def env_of(rules: str = RULES) -> Env:
    return Env(World(rules=rules).snapshot, Limits(), clock.monotonic)


def made(env: Env, metrics: Metrics) -> Canary:
    return Canary(lambda: env, metrics, lambda: "5a17")


def counted(metrics: Metrics, name: str) -> dict[tuple[str, ...], float]:
    return {key[1:]: value for key, value in metrics.counts.items() if key[0] == name}


def unmasked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(JsonCodec, "transform", lambda _, body, *rest: body)


def test_a_round_that_holds_counts_and_leaves_nothing() -> None:
    metrics, env = Metrics(), env_of()
    canary = made(env, metrics)
    asyncio.run(canary.round())
    runs = counted(metrics, "hushgate_canary_runs")
    assert set(runs) == {("held",), ("refused",)}, "recordings may not be heard by everybody"
    assert runs["held",] >= 2 * len(list(targets(env.snapshot)))
    assert counted(metrics, "hushgate_canary_leaks") == {}
    assert canary.leaking == set()


def test_a_leak_is_counted_told_and_stays_until_it_is_gone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    metrics, env = Metrics(), env_of()
    canary = made(env, metrics)
    with monkeypatch.context() as broken, caplog.at_level(logging.ERROR):
        unmasked(broken)
        asyncio.run(canary.round())
        asyncio.run(canary.round())
    assert ("acme", "helpdesk", "crm-1", "contacts.fetch", None) in canary.leaking
    leaks = counted(metrics, "hushgate_canary_leaks")
    assert leaks["acme", "support", "crm.contacts.fetch"] > 0
    told = [
        message
        for message in caplog.messages
        if message.endswith("client helpdesk, upstream crm-1, crm.contacts.fetch")
    ]
    assert len(told) == 1
    assert "5a17" not in caplog.text
    asyncio.run(canary.round())
    assert canary.leaking == set()


def test_another_snapshot_is_looked_at_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = Metrics()
    now = [env_of()]
    canary = Canary(lambda: now[0], metrics, lambda: "5a17")
    with monkeypatch.context() as broken:
        unmasked(broken)
        asyncio.run(canary.round())
    assert canary.leaking
    now[0] = env_of("\n".join(line for line in RULES.splitlines()) + "\n")
    asyncio.run(canary.round())
    assert canary.leaking == set()


def test_a_snapshot_that_is_replaced_ends_the_round() -> None:
    metrics, first, second = Metrics(), env_of(), env_of()
    given = iter([first, first])
    canary = Canary(lambda: next(given, second), metrics, lambda: "5a17")
    asyncio.run(canary.round())
    every = len(list(targets(first.snapshot)))
    assert 0 < counted(metrics, "hushgate_canary_runs")["held",] < every


def test_a_round_goes_on_where_the_last_one_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "MOST", 4)
    seen: list[Target] = []
    real = gateway.canary.play.play

    def play(env: Env, target: Target, *rest: Any) -> Released:
        seen.append(target)
        return real(env, target, *rest)

    monkeypatch.setattr(watching, "play", play)
    env = env_of()
    canary = made(env, Metrics())
    every = list(targets(env.snapshot))
    for _ in range(-(-len(every) // 4)):
        asyncio.run(canary.round())
    assert list(dict.fromkeys(seen)) == every
    asyncio.run(canary.round())
    assert seen[-1] in every[:4]


def test_what_cannot_be_played_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise InternalError("no", "canary")

    monkeypatch.setattr(watching, "play", fail)
    metrics, env = Metrics(), env_of()
    asyncio.run(made(env, metrics).round())
    assert counted(metrics, "hushgate_canary_runs") == {("failed",): len(list(targets(env.snapshot)))}


def test_its_own_end_is_told(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(watching, "play", lambda *_: {"": ""}["secret"])
    metrics = Metrics()
    with caplog.at_level(logging.CRITICAL), pytest.raises(KeyError):
        asyncio.run(made(env_of(), metrics).run(1))
    assert "the canary has died: KeyError at" in caplog.text
    assert "secret" not in caplog.text
    assert counted(metrics, "hushgate_canary_runs") == {("failed",): 1}


def test_the_canary_spends_nothing_of_a_client() -> None:
    """Neither in the worker's counters nor in what it counts per client."""
    env, metrics = env_of(), Metrics()
    asyncio.run(made(env, metrics).round())
    assert {key[0] for key in metrics.counts} == {"hushgate_canary_runs"}
    metrics.settle()
    assert counted(metrics, "hushgate_requests") == {}
    assert env.snapshot.addressed == {}
    assert env.snapshot.drift.take() == {}
    assert env.snapshot.plans > 0


def test_what_is_noted_is_published_once() -> None:
    metrics = Metrics()
    watched = Watched({"badge": 2}, {"one"})
    watched.count(metrics)
    watched.count(metrics)
    assert counted(metrics, "hushgate_plugin_failures") == {("badge",): 2}
    assert counted(metrics, "hushgate_canary_leaking") == {(): 1}


@pytest.mark.parametrize(("leaking", "ready"), [(set(), True), ({"one"}, False)])
def test_a_worker_whose_canary_leaks_is_not_ready(leaking: set[str], ready: bool) -> None:
    """The page that /readyz reads."""
    serving = SimpleNamespace(ready=lambda: True)
    services = SimpleNamespace(log=serving, registry=serving)
    worker = SimpleNamespace(draining=False, services=services, metrics=Metrics(), env=env_of())
    post = Post(Listener("apps", "reverse", Bind("127.0.0.1", 0)), 0, 0, Slot())

    async def beat() -> None:
        watched = Watched({}, leaking)
        beating = asyncio.ensure_future(_beat(worker, post, asyncio.Event(), watched))  # type: ignore[arg-type]  # it has all that a beat asks for
        await asyncio.sleep(0)
        beating.cancel()

    asyncio.run(beat())
    blob, published, _, _ = post.slot.read()
    assert published is ready
    assert total([blob]).counts["hushgate_canary_leaking",] == len(leaking)


# ---- real processes -------------------------------------------------------------------------------------

PLUGIN = """\
from pathlib import Path
from gateway.plugins.api import Codec, Masker

STATE = Path(__file__).parent / "state"

def make(context):
    def mask(value):
        if STATE.read_text() == "raise":
            raise ValueError(value)
        return "masked"
    return mask

PLUGINS = [Masker("moody", make)]
"""
MOODY = RULES + "rules: [{id: moody, mask: user.name, with: moody}]\n"


def house(tmp_path: Path, more: str, rules: str = RULES) -> House:
    made = House(tmp_path, 1, rules=rules, more=more)
    made.folder.chmod(0o755)
    (made.folder / "packs").chmod(0o755)
    return made


def test_readiness_follows_the_canary(tmp_path: Path) -> None:
    """A worker is asked for its canary's counts; a plan that leaks would make it unready."""
    with running(house(tmp_path, "canary: {every: 50ms}\n")) as it:
        until(lambda: it.metrics().get('hushgate_canary_runs_total{result="held"}', 0) > 20)
        metrics = it.metrics()
        assert metrics["hushgate_canary_leaking"] == 0
        assert it.ready()
        assert [record for record in it.records() if record.get("id") == "canary"] == []
        live = run("canary", "--live", "--json", "-c", str(it.config))
        assert live.returncode == 4, live.stderr  # the file says port 0: nobody listens there


def test_a_plugin_that_fails_refuses_and_is_counted(tmp_path: Path) -> None:
    more = "extensions: [{masker: moody, file: packs/moody.py, time: 5s}]\ncanary: {every: 50ms}\n"
    it = house(tmp_path, more, MOODY)
    (tmp_path / "packs" / "state").write_text("mask")
    file = tmp_path / "packs" / "moody.py"
    file.write_text(PLUGIN)
    file.chmod(0o644)
    with running(it):
        until(lambda: it.metrics().get('hushgate_canary_runs_total{result="held"}', 0) > 5)
        assert it.metrics().get('hushgate_plugin_failures_total{plugin="moody"}', 0) == 0
        (tmp_path / "packs" / "state").write_text("raise")
        until(lambda: it.metrics().get('hushgate_plugin_failures_total{plugin="moody"}', 0) > 0)
        until(lambda: it.metrics().get('hushgate_canary_runs_total{result="refused"}', 0) > 0)
        assert it.ready()
        assert "plugin moody failed: it raised ValueError at" in it.log
        assert "canary-" not in it.log
        os.kill(it.pids()[0], signal.SIGTERM)


def test_a_plugin_that_others_may_write_stops_the_start(tmp_path: Path) -> None:
    it = house(tmp_path, "extensions: [{masker: moody, file: packs/moody.py}]\n", MOODY)
    file = tmp_path / "packs" / "moody.py"
    file.write_text(PLUGIN)
    file.chmod(0o666)
    it.launch()
    assert it.process is not None
    assert it.process.wait(30) == 3
    assert it.process.stdout is not None
    it.process.stdout.close()
    assert "mode 0666" in it.log
