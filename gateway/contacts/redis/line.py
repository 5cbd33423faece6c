"""One connection to one server: commands go out as they come, answers are given in their order.

Owns the connection and the task that reads it. It is never opened again: whoever was told of changes over it
has to know that it ended, since what was said meanwhile is lost.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from math import inf
from typing import Any, Final, cast

from redis.asyncio.connection import Connection, SSLConnection
from redis.exceptions import ConnectionError as Lost
from redis.exceptions import RedisError, ResponseError

from gateway.contacts.redisaddress import Login, Node, Shared
from gateway.errors import StoreError

Pushed = Callable[[list[Any]], None]
Converted = Callable[[Any], Any]

_PUSH: Final = object()


class _Once:
    """Refuses to be connected again behind its owner's back, and is cut off rather than left to part."""

    _connected = False
    _writer: asyncio.StreamWriter | None

    async def disconnect(self, *args: Any, **options: Any) -> None:
        # A goodbye over TLS would wait for the server's, which may be away, beyond the end of the loop.
        if self._writer is not None:
            self._writer.transport.abort()
        await cast("Any", super()).disconnect(*args, **options)

    async def connect_check_health(
        self, check_health: bool = True, retry_socket_connect: bool = True
    ) -> None:
        if self._connected:
            raise Lost("the connection has ended")
        self._connected = True
        await cast("Any", super()).connect_check_health(check_health, retry_socket_connect)


class _Plain(_Once, Connection):
    pass


class _Tls(_Once, SSLConnection):
    pass


def connection(shared: Shared, node: Node, login: Login, database: int) -> Connection:
    """A connection that is not open yet. RESP3: answers and what is pushed share it."""
    options: dict[str, Any] = {
        "host": node[0],
        "port": node[1],
        "db": database,
        "username": login.user,
        "password": login.password,
        "protocol": 3,
        "socket_timeout": None,
        "socket_connect_timeout": max(shared.timeout, 1.0),
        "driver_info": None,
        "client_name": "hushgate",
    }
    if not shared.address.tls:
        return _Plain(**options)
    return _Tls(
        **options,
        ssl_ca_certs=shared.ca,
        ssl_certfile=shared.client_cert,
        ssl_keyfile=shared.client_key,
    )


class Line:
    """An open connection. Errors are those of `redis`; `Lost` when it has ended."""

    def __init__(self, made: Connection, pushed: Pushed | None = None) -> None:
        self._connection = made
        self._pushed = pushed
        self._waiting: deque[tuple[asyncio.Future[Any], Converted | None]] = deque()
        self._ended = False
        self.reader: asyncio.Task[None] | None = None

    async def open(self) -> "Line":
        """Connect, log in, and begin to read."""
        try:
            await cast("Any", self._connection).connect()
        except BaseException:
            await self._connection.disconnect()
            raise
        parser: Any = self._connection._parser  # noqa: SLF001 - the one way to hear what is pushed
        parser.set_pubsub_push_handler(self._push)
        self.reader = asyncio.ensure_future(self._read())
        return self

    async def call(self, *command: str | bytes | float, convert: Converted | None = None) -> Any:
        """Send a command and await its answer. `convert` sees it before what came after it is read."""
        if self._ended:
            raise Lost("the connection has ended")
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((answer, convert))
        try:
            packed = self._connection.pack_command(*command)
            await self._connection.send_packed_command(packed, check_health=False)
            return await answer
        finally:
            answer.cancel()

    async def subscribe(self, channel: str) -> None:
        """Hear what is said on a channel from here on: all of it, or the line ends."""
        packed = self._connection.pack_command("SUBSCRIBE", channel)
        await self._connection.send_packed_command(packed, check_health=False)
        await self.call("PING")  # what the server makes of it is pushed; only a refusal is answered

    async def close(self) -> None:
        """End it; who still waits gets Lost."""
        if self.reader is not None:
            self.reader.cancel()
            # Awaiting the reader itself could not tell its end from one's own being cancelled.
            await asyncio.wait((self.reader,))
            if not self.reader.cancelled():
                self.reader.exception()

    async def _push(self, message: list[Any]) -> object:
        if self._pushed is not None:
            self._pushed(message)
        return _PUSH

    async def _read(self) -> None:
        try:
            while True:
                try:
                    reply = await self._connection.read_response(
                        timeout=inf, disconnect_on_error=False, push_request=True
                    )
                except ResponseError as error:
                    self._answer(error)
                    continue
                if reply is not _PUSH:
                    self._answer(reply)
        finally:
            self._ended = True
            for answer, _ in self._waiting:
                if not answer.done():
                    answer.set_exception(Lost("the connection has ended"))
            self._waiting.clear()
            await self._connection.disconnect()

    def _answer(self, reply: Any) -> None:
        if not self._waiting:
            raise Lost("an answer that nobody asked for")
        answer, convert = self._waiting.popleft()
        try:
            found = reply if convert is None or isinstance(reply, Exception) else convert(reply)
        except (RedisError, StoreError) as error:
            found = error
        if answer.done():
            return
        if isinstance(found, Exception):
            answer.set_exception(found)
        else:
            answer.set_result(found)
