"""HTTP/1.1 framing for both sides of the gateway (RFC 9110, RFC 9112): heads, bodies, encoding. Pure, no I/O.

Owned here rather than left to a general parser because this is the smuggling defence: every message that is
let in has exactly one reading, and what goes out is written anew from that reading.
"""
