"""Peer: an ASGI proxy (Starlette, httpx, uvicorn with uvloop and httptools) doing the work of work.py."""

# httpx lives in .venv-bench, which the type checker does not see.
# mypy: disable-error-code="import-not-found"

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from benchmarks import work
from benchmarks.peers.pywork import Gate, RefusedError

UPSTREAM = os.environ["BENCH_UPSTREAM"]
DROP = {b"host", b"hushgate-key", b"authorization", b"connection", b"content-length", b"transfer-encoding"}
gate = Gate(os.environ["BENCH_LOG"])
client = httpx.AsyncClient(
    base_url=UPSTREAM,
    timeout=30,
    trust_env=False,
    limits=httpx.Limits(max_connections=64, max_keepalive_connections=64, keepalive_expiry=600),
)


@asynccontextmanager
async def lifespan(_: Starlette) -> AsyncIterator[None]:
    """Close the pool at the end."""
    yield
    await client.aclose()


async def exchange(request: Request) -> Response:
    """One exchange through the gate."""
    try:
        record = gate.open(request.headers.get("hushgate-key", ""), request.method)
        form = await request.body()
        gate.request(record, form)
    except RefusedError as refusal:
        return Response(refusal.body, refusal.status, media_type="application/problem+json")
    target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    headers = [(name, value) for name, value in request.headers.raw if name not in DROP]
    headers.append((b"authorization", work.CREDENTIAL.encode()))
    answer = await client.request(request.method, target, content=form or None, headers=headers)
    body = gate.response(record, answer.status_code, answer.content)
    marks = {"Hushgate-Decision": record["id"], "Hushgate-Masked": str(record["masked"])}
    return Response(body, answer.status_code, marks, "application/json")


app = Starlette(routes=[Route("/{path:path}", exchange, methods=["GET", "POST"])], lifespan=lifespan)
