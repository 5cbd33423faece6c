"""Where values of JSON end, found in pieces: strings and brackets are known, and nothing else. Pure.

What lies between is for the JSON codec to judge: a scanner never refuses. It goes over every byte once.
"""

import re
from collections.abc import Callable

STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'

Match = Callable[[bytearray, int], "re.Match[bytes] | None"]


def _scanner(stops: bytes) -> Match:
    """Skips whole strings up to one of `stops`, to the quote of a string that is cut off, or to the end."""
    other = rb'[^"' + stops + rb"]*+"
    return re.compile(other + rb"(?:" + STRING + other + rb")*+", re.DOTALL).match


_within = _scanner(rb"{}\[\]")
BETWEEN = _scanner(rb"{}\[\],")
TO_COLON = _scanner(rb"{}\[\],:")
_in_string = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL).match
blank = re.compile(rb"[ \t\r\n]*+").match
_QUOTE, _BACKSLASH = b'"\\'
_OPENING, _ENDING = b"{[", b"}]"


class Scanner:
    """A buffer that starts at a value, and how far it was looked through."""

    __slots__ = ("_at", "_depth", "_string", "buffer", "gone")

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.gone = 0
        """bytes before the buffer"""
        self._at = self._depth = 0
        self._string = False

    def next(self, top: Match) -> int:
        """The next stop of `top` outside of any bracket, or -1 when it has not come yet."""
        buffer = self.buffer
        size = len(buffer)
        while True:
            match = (_in_string if self._string else _within if self._depth else top)(buffer, self._at)
            at = match.end() if match else size
            self._at = at
            # In a string the only stop but its quote is a backslash that ends the buffer.
            if at >= size or buffer[at] == _BACKSLASH:
                return -1
            stop = buffer[at]
            if stop == _QUOTE:
                self._string = not self._string
            elif stop in _OPENING:
                self._depth += 1
            elif self._depth == 0:
                return at
            elif stop in _ENDING:
                self._depth -= 1
            self._at = at + 1

    def past(self, at: int) -> None:
        """Look on after a stop."""
        self._at = at + 1

    def solid(self) -> int:
        """Where, from here on, something stands that is no white space."""
        match = blank(self.buffer, self._at)
        self._at = match.end() if match else self._at
        return self._at

    def stop(self, at: int) -> bytes:
        """The byte there; none at the end."""
        return bytes(self.buffer[at : at + 1])

    def drop(self, size: int) -> bytes:
        """Take the beginning out; what was looked through behind it stays so."""
        out = bytes(self.buffer[:size])
        del self.buffer[:size]
        self.gone += size
        if self._at <= size:
            self._at = self._depth = 0
            self._string = False
        else:
            self._at -= size
        return out

    def restart(self) -> None:
        """Look through the buffer anew."""
        self._at = self._depth = 0
        self._string = False
