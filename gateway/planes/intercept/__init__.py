"""The plane for traffic that cannot be re-pointed: mitmproxy takes it in, and a Caller reads it.

mitmproxy never has a way to an upstream: what it decrypts goes over a link in memory to a Caller, and only
what the core then decides leaves, on the connections of the core's own dialer.
"""

import warnings

with warnings.catch_warnings():  # mitmproxy's own imports use what its libraries have renamed
    warnings.simplefilter("ignore", DeprecationWarning)
    import mitmproxy.addons
    import mitmproxy.proxy.mode_servers  # noqa: F401 - now they are there, and every later import is quiet
