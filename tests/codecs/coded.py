"""Golden bodies in every content coding: what senders write that we do not, and what is no body at all."""

import gzip
import struct
import zlib

import brotli
import zstandard

HELLO = b"hello " * 20

ZSTD = zstandard.ZstdCompressor
SKIPPABLE = bytes.fromhex("502a4d18 03000000 616263")
"""RFC 8878 section 3.1.2: a frame whose content is not the body's"""


def gzip_with(flags: int, fields: bytes) -> bytes:
    """A member with header fields (RFC 1952 section 2.3.1)."""
    head = bytes.fromhex("1f8b08") + bytes((flags,)) + bytes.fromhex("78563412 02 07") + fields
    if flags & 2:
        head += struct.pack("<H", zlib.crc32(head) & 0xFFFF)
    return head + zlib.compress(HELLO, wbits=-15) + struct.pack("<II", zlib.crc32(HELLO), len(HELLO))


def streamed(size: int, **parameters: int) -> bytes:
    """A frame that does not say its length."""
    made = zstandard.ZstdCompressionParameters.from_level(3, **parameters)
    writer = ZSTD(compression_params=made).compressobj()
    return writer.compress(bytes(size)) + writer.flush()


READ = {
    "gzip: every header field": (b"gzip", gzip_with(0x1E, b"\3\0abcana.csv\0a note\0"), HELLO),
    "gzip: members": (b"gzip", gzip.compress(b"a") + gzip.compress(b"") + gzip.compress(b"b"), b"ab"),
    "gzip: blocked like bgzip": (b"gzip", gzip_with(4, b"\6\0BC\2\0\x1b\0") * 2, HELLO * 2),
    "x-gzip": (b"x-gzip", gzip.compress(HELLO), HELLO),
    "deflate: zlib": (b"deflate", zlib.compress(HELLO, 9), HELLO),
    "deflate: small window": (b"deflate", zlib.compress(HELLO, wbits=9), HELLO),
    "deflate: raw": (b"deflate", zlib.compress(HELLO, wbits=-15), HELLO),
    "deflate: raw, stored": (b"deflate", b"\1\5\0\xfa\xffhello", b"hello"),
    "br: empty": (b"br", b"\x06", b""),
    "br: of RFC 7932's own writer": (b"br", bytes.fromhex("0b028068656c6c6f03"), b"hello"),
    "br: window of 16 MiB": (b"br", brotli.compress(HELLO, lgwin=24), HELLO),
    "zstd: frames": (b"zstd", ZSTD().compress(b"a") + ZSTD().compress(b"") + ZSTD().compress(b"b"), b"ab"),
    "zstd: skippable frames": (b"zstd", SKIPPABLE + ZSTD().compress(b"a") + SKIPPABLE, b"a"),
    "zstd: checksum": (b"zstd", ZSTD(write_checksum=True).compress(HELLO), HELLO),
    "zstd: of unknown length": (b"zstd", streamed(1000), bytes(1000)),
    "zstd: window of 8 MiB": (b"zstd", streamed(1000, window_log=23), bytes(1000)),
}


def lying(raw: bytes, at: int, byte: int) -> bytes:
    """The bytes with one of them changed."""
    changed = bytearray(raw)
    assert changed[at] != byte
    changed[at] = byte
    return bytes(changed)


GZ, BR, ZS = gzip.compress(HELLO, mtime=0), brotli.compress(HELLO), ZSTD().compress(HELLO)
UNREADABLE = {
    "gzip: lies about its length": (b"gzip", lying(GZ, -4, 1)),
    "gzip: lies about its checksum": (b"gzip", lying(GZ, -8, GZ[-8] ^ 1)),
    "gzip: reserved flag": (b"gzip", lying(GZ, 3, 0x20)),
    "gzip: header checksum": (b"gzip", lying(gzip_with(2, b""), 10, 0)),
    "gzip: padding of zeros": (b"gzip", GZ + bytes(512)),
    "gzip: as it is called, but zlib": (b"gzip", zlib.compress(HELLO)),
    "gzip: not coded at all": (b"gzip", b'{"email": "ana@example.org"}'),
    "gzip: coded as br": (b"gzip", BR),
    "gzip: coded as zstd": (b"gzip", ZS),
    "gzip: a member that is cut short": (b"gzip", GZ + GZ[:-1]),
    "deflate: as it is called, but gzip": (b"deflate", GZ),
    "deflate: preset dictionary": (b"deflate", bytes.fromhex("78bb") + zlib.compress(HELLO)[2:]),
    "deflate: two streams": (b"deflate", zlib.compress(b"a") * 2),
    "deflate: lies about its checksum": (b"deflate", zlib.compress(HELLO)[:-1] + b"\0"),
    "br: two streams": (b"br", BR + BR),
    "br: large window": (b"br", bytes.fromhex("11 9a 00 00 00 00")),
    "br: coded as gzip": (b"br", GZ),
    "br: not coded at all": (b"br", b'{"email": "ana@example.org"}'),
    "zstd: window of 16 MiB": (b"zstd", streamed(1000, window_log=24)),
    "zstd: lies about its length": (b"zstd", lying(ZS, 5, ZS[5] + 1)),
    "zstd: lies about its checksum": (b"zstd", lying(ZSTD(write_checksum=True).compress(HELLO), -1, 1)),
    "zstd: needs a dictionary": (b"zstd", b"\x28\xb5\x2f\xfd\x21\x07" + ZS[5:]),
    "zstd: version 0.7": (b"zstd", b"\x27" + ZS[1:]),
    "zstd: skippable frame cut short": (b"zstd", ZS + SKIPPABLE[:-1]),
    "zstd: reserved block type": (b"zstd", bytes.fromhex("28b52ffd 20 00 07 00 00")),
    "zstd: coded as br": (b"zstd", BR),
    "stacked: the inner one cut short": (b"gzip, br", brotli.compress(GZ[:-1])),
    "stacked: the outer one cut short": (b"br, gzip", gzip.compress(BR)[:-1]),
    "stacked: coded once": (b"gzip, gzip", GZ),
    "stacked: the inner one continued": (b"gzip, br", brotli.compress(GZ + b"x")),
}
