"""The Caller at the end of a link: an intercepted connection, read as the reverse plane reads its own."""

from typing import TYPE_CHECKING

import msgspec

from gateway.errors import PayloadError
from gateway.exchange.exchange import Exchange
from gateway.exchange.finding import KEY
from gateway.http1.head import RequestHead
from gateway.planes.intercept.session import Session, proxy_key
from gateway.planes.reverse.caller import Caller
from gateway.policy.identity import Peer

if TYPE_CHECKING:
    import asyncio

    from gateway.planes.reverse.worker import Worker


class Inner(Caller):
    """A Caller that knows its Session. `refusal`: the reason every request is refused for, if any."""

    __slots__ = ("_refusal", "_session")

    def __init__(self, worker: "Worker", session: Session, refusal: str | None = None):
        super().__init__(worker)
        self._session = session
        self._refusal = refusal

    def who(self, transport: "asyncio.BaseTransport") -> Peer:
        """The application at the other end."""
        del transport
        return self._session.peer

    def begin(self, head: RequestHead) -> None:
        """Start the exchange, or a refusal in its place."""
        session, worker = self._session, self.worker
        if session.means is not None:
            head = msgspec.structs.replace(head, host=session.means)
        exchange = Exchange(worker.env, worker.identifier(), head, self.peer, worker.now())
        try:
            self._check(head, exchange)
        except PayloadError as error:
            self.turn.driver.start(exchange, exchange.refuse(error))
        else:
            self.turn.driver.start(exchange)

    def _check(self, head: RequestHead, exchange: Exchange) -> None:
        session, snapshot = self._session, self.worker.env.snapshot
        if self._refusal is not None:
            raise PayloadError(self._refusal, "")
        session.check(head.host, snapshot.origins)
        if session.explicit:
            key = proxy_key(head.get(b"proxy-authorization"))
            peer = exchange.facts.peer = self.peer._replace(key=key)
            if snapshot.directory.identify(head.get(KEY), peer) is None:
                raise PayloadError("proxy_authentication_required", "", "proxy-authorization")

    def check(self, now: float) -> None:
        """An idle link costs nothing: the intercepted connection has a deadline of its own."""
        if self.expected != "idle" or self.busy or self.transport.is_closing():
            super().check(now)
