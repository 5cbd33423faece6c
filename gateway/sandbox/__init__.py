"""Servers that behave like the providers: real HTTP, fictional people, and a memory of what reached them.

For the demo, for tests and for trying rules out. Needs the `demo` extra. Nothing in `gateway` outside
`gateway.demo` imports this.
"""
