"""WebSocket (RFC 6455) and its compression (RFC 7692): handshake, frames, messages. Pure.

Written here and not taken from a library, because what no rule looks into goes on byte for byte: libraries
hand out messages and write frames anew, with other lengths, masks, fragments and compressed bits.
"""
