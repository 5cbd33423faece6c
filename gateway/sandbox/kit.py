"""What both sandboxes are made of: a part is a table of rows, each a method, a path and an endpoint."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

Endpoint = Callable[[Request], Awaitable[Response]]
Rows = tuple[tuple[str, str, Endpoint], ...]
