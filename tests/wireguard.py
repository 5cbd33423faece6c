"""A client of WireGuard that needs nothing of the system: one TCP connection, or one datagram, in a tunnel.

with Tunnel(private, server_public, port, "10.77.0.2") as tunnel:
    sock = tunnel.connect("203.0.113.7", 443)       # a socket like any other
    answer = tunnel.ask("10.77.0.1", 53, question)

The handshake is that of the WireGuard paper, section 5.4 (Noise IKpsk2), without cookies or rekeying; TCP is
RFC 9293 without loss, which loopback has none of.
"""

import contextlib
import hmac
import os
import secrets
import selectors
import socket
import struct
import threading
import time
from base64 import b64decode
from collections.abc import Iterable
from hashlib import blake2s
from typing import Any, Self

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

CONSTRUCTION = b"Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s"
IDENTIFIER = b"WireGuard v1 zx2c4 Jason@zx2c4.com"
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
TCP, UDP = 6, 17
SEGMENT = 1200
PATIENCE = 30.0


def _hash(*parts: bytes) -> bytes:
    return blake2s(b"".join(parts)).digest()


def _kdf(key: bytes, data: bytes, count: int) -> list[bytes]:
    secret, last, made = hmac.digest(key, data, "blake2s"), b"", []
    for number in range(1, count + 1):
        last = hmac.digest(secret, last + bytes([number]), "blake2s")
        made.append(last)
    return made


def _checksum(data: bytes) -> int:
    padded = data + b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ready(watched: Iterable[socket.socket], within: float | None) -> list[Any]:
    """Those of the sockets that can be read within so many seconds (None: at all), however many are open."""
    with selectors.DefaultSelector() as selector:
        for sock in watched:
            selector.register(sock, selectors.EVENT_READ)
        return [key.fileobj for key, _ in selector.select(within)]


class Tunnel:
    """One peer. `here` is the address it calls itself by."""

    def __init__(self, private: str, server_public: str, port: int, here: str) -> None:
        self._own = X25519PrivateKey.from_private_bytes(b64decode(private))
        self._server = X25519PublicKey.from_public_bytes(b64decode(server_public))
        self._here = socket.inet_aton(here)
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.connect(("127.0.0.1", port))
        self._me = os.urandom(4)
        self._from = 20_000 + secrets.randbelow(30_000)
        self._counter = 0
        self._closed = False
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        try:
            self._shake_hands()
        except BaseException:
            self._udp.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._closed = True
        for thread in self._threads:
            thread.join(PATIENCE)
        self._udp.close()

    # ---- the handshake ----------------------------------------

    def _shake_hands(self) -> None:
        server = self._server.public_bytes_raw()
        ephemeral = X25519PrivateKey.generate()
        shown = ephemeral.public_key().public_bytes_raw()
        chain = _hash(CONSTRUCTION)
        said = _hash(_hash(_hash(chain, IDENTIFIER), server), shown)
        [chain] = _kdf(chain, shown, 1)
        chain, key = _kdf(chain, ephemeral.exchange(self._server), 2)
        static = ChaCha20Poly1305(key).encrypt(bytes(12), self._own.public_key().public_bytes_raw(), said)
        said = _hash(said, static)
        chain, key = _kdf(chain, self._own.exchange(self._server), 2)
        seconds, rest = divmod(time.time_ns(), 10**9)
        stamp = struct.pack("!QI", (1 << 62) + 10 + seconds, rest)
        stamped = ChaCha20Poly1305(key).encrypt(bytes(12), stamp, said)
        said = _hash(said, stamped)
        begun = struct.pack("<I", 1) + self._me + shown + static + stamped
        mac = blake2s(begun, key=_hash(b"mac1----", server), digest_size=16).digest()
        self._udp.send(begun + mac + bytes(16))
        self._udp.settimeout(PATIENCE)
        answer = self._udp.recv(2048)
        assert answer[0] == 2 and len(answer) == 92
        theirs = X25519PublicKey.from_public_bytes(answer[12:44])
        [chain] = _kdf(chain, answer[12:44], 1)
        said = _hash(said, answer[12:44])
        [chain] = _kdf(chain, ephemeral.exchange(theirs), 1)
        [chain] = _kdf(chain, self._own.exchange(theirs), 1)
        chain, mixed, key = _kdf(chain, bytes(32), 3)
        ChaCha20Poly1305(key).decrypt(bytes(12), answer[44:60], _hash(said, mixed))
        send, receive = _kdf(chain, b"", 2)
        self._send, self._receive = ChaCha20Poly1305(send), ChaCha20Poly1305(receive)
        self._to = answer[4:8]
        self._put(b"")

    def _put(self, packet: bytes) -> None:
        padded = packet + bytes(-len(packet) % 16)
        nonce = struct.pack("<IQ", 0, self._counter)
        sealed = self._send.encrypt(nonce, padded, b"")
        self._udp.send(b"\4\0\0\0" + self._to + struct.pack("<Q", self._counter) + sealed)
        self._counter += 1

    def _get(self, within: float = PATIENCE) -> bytes:
        """A packet; b"" when none has come, or a keepalive."""
        if not ready([self._udp], within):
            return b""
        data = self._udp.recv(65536)
        if data[0] != 4 or data[4:8] != self._me:
            return b""  # a keepalive's, or of a session before
        return self._receive.decrypt(struct.pack("<I", 0) + data[8:16], data[16:], b"")

    # ---- packets ----------------------------------------

    def _packet(self, kind: int, there: bytes, segment: bytes, at: int) -> bytes:
        """IPv4 (RFC 791) around a segment whose checksum is at an offset."""
        pseudo = self._here + there + struct.pack("!BBH", 0, kind, len(segment))
        total = _checksum(pseudo + segment)
        segment = segment[:at] + struct.pack("!H", total) + segment[at + 2 :]
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(segment), 0, 0x4000, 64, kind, 0)
        total = _checksum(head + self._here + there)
        return head[:10] + struct.pack("!H", total) + self._here + there + segment

    def ask(self, host: str, port: int, question: bytes, within: float = PATIENCE) -> bytes:
        """A datagram; the one that comes back, or b""."""
        self.say(host, port, question)
        return self.hear(within)

    def say(self, host: str, port: int, data: bytes) -> None:
        """A datagram."""
        segment = struct.pack("!HHHH", self._from, port, 8 + len(data), 0) + data
        self._put(self._packet(UDP, socket.inet_aton(host), segment, 6))

    def hear(self, within: float) -> bytes:
        """The next datagram, or b"" when none has come in so many seconds."""
        deadline = time.monotonic() + within
        while (left := deadline - time.monotonic()) > 0:
            packet = self._get(left)
            if packet and packet[9] == UDP:
                length = struct.unpack("!H", packet[24:26])[0]
                return packet[28 : 20 + length]
        return b""

    def connect(self, host: str, port: int) -> socket.socket:
        """A TCP connection."""
        ours, theirs = socket.socketpair()
        stream = _Stream(self, socket.inet_aton(host), port, theirs)
        thread = threading.Thread(target=stream.run, daemon=True)
        self._threads.append(thread)
        thread.start()
        ours.settimeout(PATIENCE)
        return ours


class _Stream:
    """One end of a TCP connection, between a tunnel and a socket pair."""

    def __init__(self, tunnel: Tunnel, there: bytes, port: int, sock: socket.socket) -> None:
        self._tunnel, self._there, self._port, self._sock = tunnel, there, port, sock
        self._sent, self._seen = 1000, 0

    def run(self) -> None:
        """Until it has ended."""
        with self._sock, contextlib.suppress(OSError):
            self._segment(SYN)
            self._sent += 1
            open_here = True
            while not self._tunnel._closed:
                watched = [self._tunnel._udp, *([self._sock] if open_here and self._seen else [])]
                come = ready(watched, 0.1)
                if self._tunnel._udp in come and not self._take(self._tunnel._get(0)):
                    return
                if self._sock in come:
                    data = self._sock.recv(SEGMENT)
                    self._segment(ACK | (PSH if data else FIN), data)
                    self._sent += len(data) or 1
                    open_here = bool(data)

    def _segment(self, flags: int, data: bytes = b"") -> None:
        window = 65535
        head = struct.pack(
            "!HHIIBBHHH", self._tunnel._from, self._port, self._sent, self._seen, 0x50, flags, window, 0, 0
        )
        self._tunnel._put(self._tunnel._packet(TCP, self._there, head + data, 16))

    def _take(self, packet: bytes) -> bool:
        """A packet; False: the other end has reset, or is through."""
        if not packet or packet[9] != TCP:
            return True
        length = struct.unpack("!H", packet[2:4])[0]
        segment = packet[20:length]
        number = struct.unpack("!I", segment[4:8])[0]
        flags, data = segment[13], segment[(segment[12] >> 4) * 4 :]
        if flags & RST:
            return False
        if flags & SYN:
            self._seen = number + 1
            self._segment(ACK)
            return True
        if number == self._seen and (data or flags & FIN):
            self._seen += len(data) + bool(flags & FIN)
            self._sock.sendall(data)
            self._segment(ACK)
            if flags & FIN:
                self._sock.shutdown(socket.SHUT_WR)
                return False
        elif data:
            self._segment(ACK)
        return True
