"""Multipart bodies, and programs to run over them."""

from gateway.codecs.program import Limits, Program, Tally
from gateway.codecs.table import codec_for

LIMITS = Limits()
KIND = b"multipart/form-data; boundary=b1"


def part(name: str, body: bytes, *more: bytes, file: str = "") -> bytes:
    filename = f'; filename="{file}"' if file else ""
    lines = [f'Content-Disposition: form-data; name="{name}"{filename}'.encode(), *more]
    return b"--b1\r\n" + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body + b"\r\n"


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--b1--\r\n"


def run(body: bytes, it: Program, *drop: int, kind: bytes = KIND) -> tuple[bytes, Tally]:
    codec = codec_for(kind)
    tally = Tally.of(it)
    return codec.dump(codec.rewrite(codec.parse(body, LIMITS), it, tally, drop)), tally


TYPE = b"Content-Type: "


# ---- bad input ------------------------------------------------------------------------------------------

ONE = part("a", b"secret")
