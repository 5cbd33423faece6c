"""curl's command line as a request: the options people paste, and a clear refusal of the others."""

import argparse
import base64
from typing import NoReturn
from urllib.parse import quote_plus, urlsplit

from gateway.errors import PayloadError


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise PayloadError("malformed_request", message, "curl's arguments")


def _parser() -> _Parser:
    parser = _Parser(prog="curl", add_help=False, allow_abbrev=False)
    parser.add_argument("url")
    parser.add_argument("-X", "--request", dest="method")
    parser.add_argument("-H", "--header", dest="headers", action="append", default=[])
    parser.add_argument("-d", "--data", "--data-raw", "--data-binary", "--json", dest="data", action="append")
    parser.add_argument("--data-urlencode", dest="encoded", action="append", default=[])
    parser.add_argument("-u", "--user")
    parser.add_argument("-G", "--get", action="store_true")
    parser.add_argument("-I", "--head", action="store_true")
    for quiet in ("-s", "-S", "-i", "-v", "-k", "-L", "--silent", "--compressed", "--fail", "-f"):
        parser.add_argument(
            quiet, action="store_true", help=argparse.SUPPRESS, dest=f"ignored_{quiet.strip('-')}"
        )
    return parser


def read_curl(words: list[str]) -> tuple[bytes, bytes]:
    """(head block, body) of what curl would send. Raises PayloadError for what is not understood."""
    args = _parser().parse_args(words)
    data = list(args.data or [])
    for item in args.encoded:
        name, sign, value = item.partition("=")
        data.append(f"{name}={quote_plus(value)}" if sign else quote_plus(name))
    if any(item.startswith("@") for item in data):
        raise PayloadError("malformed_request", "data from a file is not read here", "curl's arguments")
    parts = urlsplit(args.url if "://" in args.url else f"http://{args.url}")
    query, body = parts.query, "&".join(data).encode()
    if args.get:
        query, body = "&".join(filter(None, (query, body.decode()))), b""
    method = args.method or ("HEAD" if args.head else "POST" if body else "GET")
    target = (parts.path or "/") + (f"?{query}" if query else "")
    lines = [f"{method} {target} HTTP/1.1", f"Host: {parts.netloc.rpartition('@')[2]}", *args.headers]
    lines += _added(args, body, words)
    return ("\r\n".join(lines) + "\r\n\r\n").encode(), body


def _added(args: argparse.Namespace, body: bytes, words: list[str]) -> list[str]:
    named = {header.partition(":")[0].strip().lower() for header in args.headers}
    lines = []
    if args.user:
        lines.append(f"Authorization: Basic {base64.b64encode(args.user.encode()).decode()}")
    if body:
        lines.append(f"Content-Length: {len(body)}")
        if "content-type" not in named:
            kind = "application/json" if "--json" in words else "application/x-www-form-urlencoded"
            lines.append(f"Content-Type: {kind}")
    return lines
