"""What a shared registry does when its server dies, hangs, comes back empty, or keeps too little."""

import asyncio
import logging
import signal
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from gateway import clock
from gateway.contacts.model import UNKNOWN, Entry, Standing
from gateway.contacts.redis.books import RedisBooks
from gateway.contacts.redis.registry import RedisRegistry
from gateway.contacts.redisaddress import Address, Login, Shared
from gateway.errors import StoreError
from gateway.secret import Secret
from tests.redisserver import KEEPING, PATIENCE, Server

T = "acme"
LOCAL = "127.0.0.1"
FORGETFUL = ("--appendonly", "no", "--save", "")
LAZY = ("--appendonly", "yes", "--appendfsync", "everysec", "--save", "")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path)
    yield made
    made.stop()


def shared(server: Server, **more: object) -> Shared:
    options: dict[str, object] = {"staleness": 1.0, "timeout": 0.4, **more}
    return Shared(Address("single", ((LOCAL, server.port),)), **options)  # type: ignore[arg-type]


def entry(name: str, subject: str, act: str = "suppressed", at: float = 1.0) -> Entry:
    return Entry(id=name, subject=subject, act=act, at=at)  # type: ignore[arg-type]


async def asked(registry: RedisRegistry, *subjects: str) -> list[Standing]:
    found = registry.standings(T, subjects)
    return found if isinstance(found, list) else await found


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not await true():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def answers(registry: RedisRegistry, *subjects: str) -> bool:
    try:
        await asked(registry, *subjects)
    except StoreError:
        return False
    return True


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await work()

    asyncio.run(main())


def test_what_was_acknowledged_outlives_a_killed_server(server: Server) -> None:
    """A writer writes on while the server is killed and started again, three times."""
    acknowledged: list[str] = []
    over = threading.Event()

    async def write() -> None:
        registry, number = RedisRegistry(shared(server, timeout=PATIENCE), patience=PATIENCE), 0
        while not over.is_set():
            names = [f"{number}-{part}" for part in range(5)]
            assert await registry.enter(T, [entry(name, f"p{name}") for name in names]) in (0, 5)
            acknowledged.extend(names)
            number += 1
        registry.close()

    writer = threading.Thread(target=lambda: run(write))
    writer.start()
    try:
        for turn in range(1, 4):
            deadline = time.monotonic() + PATIENCE
            while len(acknowledged) < 100 * turn and time.monotonic() < deadline:
                time.sleep(0.005)
            server.kill()
            assert server.start()
    finally:
        over.set()
        writer.join()
    assert len(acknowledged) >= 300
    books = RedisBooks(shared(server))
    try:
        kept = [one.id for one in books.entries(T)]
        assert set(acknowledged) <= set(kept)
        assert len(kept) == len(set(kept)) and len(kept) % 5 == 0
        assert all(s.suppressions for s in books.standings(T, [f"p{name}" for name in acknowledged]))
    finally:
        books.close()


@pytest.mark.parametrize("how", ["killed", "stopped"])
def test_remembered_answers_are_given_until_they_are_too_old(server: Server, how: str) -> None:
    async def work() -> None:
        registry = RedisRegistry(shared(server))
        await registry.enter(T, [entry("1", "p")])
        (standing,) = await asked(registry, "p")
        assert standing.suppressions and isinstance(registry.standings(T, ["p"]), list)
        server.kill() if how == "killed" else server.signal(signal.SIGSTOP)
        gone = clock.monotonic()
        assert registry.standings(T, ["p"]) == [standing]
        with pytest.raises(StoreError) as caught:
            await asked(registry, "never asked for")
        assert caught.value.reason == "registry_unavailable"
        while isinstance(found := registry.standings(T, ["p"]), list):
            assert found == [standing]
            assert clock.monotonic() - gone < 1.0 + PATIENCE
            await asyncio.sleep(0.01)
        assert clock.monotonic() - gone > 0.3  # verified at most a beat (a quarter of a second) before
        with pytest.raises(StoreError):
            await found
        assert not registry.ready()
        with pytest.raises(StoreError):
            await registry.enter(T, [entry("2", "p")])
        server.start() if how == "killed" else server.signal(signal.SIGCONT)
        await until(lambda: answers(registry, "p", "never asked for"))
        assert registry.ready()
        assert await asked(registry, "p") == [standing]
        registry.close()

    run(work)


def test_what_changed_while_nobody_listened_is_not_remembered(server: Server) -> None:
    """Its connections are cut at the server while another writes: what was remembered is empty then."""

    async def work() -> None:
        registry, other = RedisRegistry(shared(server, staleness=60.0)), RedisRegistry(shared(server))
        assert await asked(registry, "p") == [UNKNOWN]
        await asked(other, "p")
        for turn in range(5):
            act = "lifted" if turn % 2 else "suppressed"
            writing = asyncio.ensure_future(other.enter(T, [entry(f"{turn}", "p", act, at=float(turn + 1))]))
            with server.client() as client:
                client.client_kill_filter(_type="pubsub", skipme=True)
            assert await writing in (0, 1)  # 0: it was new when its first answer was lost

            async def right(suppressed: bool = act == "suppressed") -> bool:
                try:
                    return bool((await asked(registry, "p"))[0].suppressions) == suppressed
                except StoreError:
                    return False

            await until(right)
        registry.close()
        other.close()

    run(work)


def test_a_server_that_comes_back_empty_is_not_believed(server: Server) -> None:
    async def work() -> None:
        registry = RedisRegistry(shared(server))
        await registry.enter(T, [entry("1", "p")])
        await asked(registry, "p")
        with server.client() as client:
            client.flushall()
        with pytest.raises(StoreError, match="no longer holds"):
            await asked(registry, "q")
        registry.close()
        again = RedisRegistry(shared(server))
        assert await asked(again, "q") == [UNKNOWN]
        again.close()

    run(work)


@pytest.mark.parametrize(
    ("options", "persistence", "refused"),
    [
        (FORGETFUL, "strict", "appendonly is off"),
        (FORGETFUL, "written", "appendonly is off"),
        (FORGETFUL, "none", ""),
        (
            ("--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
            "strict",
            "when an entry is on disk",
        ),
        (("--appendonly", "yes", "--appendfsync", "everysec", "--save", ""), "written", ""),
        ((*KEEPING, "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"), "strict", "noeviction"),
        ((*KEEPING, "--maxmemory", "100mb", "--maxmemory-policy", "noeviction"), "strict", ""),
        (KEEPING, "strict", ""),
    ],
)
def test_a_server_that_would_forget_gets_no_entries(
    tmp_path: Path, options: tuple[str, ...], persistence: str, refused: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    server = Server(tmp_path, *options)
    with server.client() as client:
        version = tuple(int(part) for part in client.info("server")["redis_version"].split(".")[:2])
    books = RedisBooks(shared(server, persistence=persistence, timeout=PATIENCE))
    try:
        if refused and not (version >= (7, 2) and "disk" in refused):
            for attempt in (books.keeps, lambda: books.enter(T, [entry("1", "p")])):
                with pytest.raises(StoreError, match=refused):
                    attempt()
            assert books.standings(T, ["p"]) == [UNKNOWN]
        else:
            books.keeps()
            assert books.enter(T, [entry("1", "p")]) == 1
    finally:
        books.close()
        server.stop()


def test_an_entry_that_too_few_replicas_have_is_not_acknowledged(server: Server) -> None:
    books = RedisBooks(shared(server, replicas=1, timeout=0.2))
    try:
        with pytest.raises(StoreError, match="too few replicas"):
            books.enter(T, [entry("1", "p")])
    finally:
        books.close()


def test_a_user_of_the_access_list_with_the_documented_rights(tmp_path: Path) -> None:
    server = Server(tmp_path)
    with server.client() as client:
        client.execute_command(
            *[
                "ACL",
                "SETUSER",
                "gateway",
                "on",
                ">s3cret",
                "~hushgate:*",
                "&hushgate:changes",
                "+@read",
                "+@write",
                "+@scripting",
            ],
            *["+@connection", "+@pubsub", "+info", "+role", "+wait", "+config|get", "+cluster|slots"],
        )
        client.execute_command("ACL", "SETUSER", "default", "off")
    try:
        books = RedisBooks(shared(server, login=Login(Secret("gateway"), Secret("s3cret"))))
        books.keeps()
        assert books.enter(T, [entry("1", "p")]) == 1
        books.link(T, [("r", "p")])
        assert books.standings(T, ["r"])[0].suppressions
        assert [one.id for one in books.entries(T)] == ["1"] and books.tenants() == [T]
        books.close()
        for login in (Login(), Login(Secret("gateway"), Secret("wrong"))):
            with pytest.raises(StoreError) as caught:
                RedisBooks(shared(server, login=login))
            assert "wrong" not in str(caught.value)
    finally:
        server.stop()
