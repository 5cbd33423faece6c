"""A step of the tour must be able to fail: with a mere relay for a gateway, none is as it has to be."""

from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.demo.house import CLIENTS, House
from gateway.demo.steps import PROXIED, STEPS, Step
from gateway.demo.world import World, world
from gateway.sandbox import hubspot, replies, twilio
from gateway.sandbox.ledger import basic, bearer
from gateway.sandbox.serve import running

CREDENTIALS = {
    "hubspot": f"Bearer {hubspot.TOKEN}",
    "hubspot-us": f"Bearer {hubspot.TOKEN}",
    "twilio": "Basic " + b64encode(f"{twilio.ACCOUNT}:{twilio.TOKEN}".encode()).decode(),
    "in": "",
}


class Relay:
    """What a gateway without any rule would do: cut the prefix, put in the credential."""

    def __init__(self, upstreams: dict[str, ASGIApp]) -> None:
        self._upstreams = upstreams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name, _, rest = scope["path"].lstrip("/").partition("/")
        kept = [(k, v) for k, v in scope["headers"] if k != b"authorization"]
        headers = [*kept, (b"authorization", CREDENTIALS[name].encode())]
        inner = {**scope, "path": f"/{rest}", "raw_path": f"/{rest}".encode(), "headers": headers}
        await self._upstreams[name](inner, receive, send)


@pytest.fixture(scope="module")
def relayed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    apps = {"hubspot": hubspot.create(), "hubspot-us": hubspot.create(), "twilio": twilio.create()}
    apps["in"] = apps["replies"] = replies.create()
    with ExitStack() as stack:
        urls = {name: stack.enter_context(running(app)) for name, app in apps.items()}
        front = stack.enter_context(running(Relay(apps)))
        keys = dict.fromkeys(CLIENTS, "any")
        folder = tmp_path_factory.mktemp("relay")
        house = House(folder, folder / "hushgate.yaml", front, front, keys, "127.0.0.1:9")
        yield stack.enter_context(world(house, urls))


@pytest.mark.parametrize("step", [*STEPS, *PROXIED], ids=lambda s: s.title)
def test_without_a_gateway_no_step_is_as_it_has_to_be(relayed: World, step: Step) -> None:
    shown = step.show(relayed)
    assert not shown.ok
    assert shown.lines


def test_relay_credentials_are_those_of_the_sandboxes() -> None:
    from starlette.datastructures import Headers

    assert bearer(hubspot.TOKEN)(Headers({"authorization": CREDENTIALS["hubspot"]}))
    assert basic(twilio.ACCOUNT, twilio.TOKEN)(Headers({"authorization": CREDENTIALS["twilio"]}))
