"""The signals of the house's processes: blocked from before a fork until the child can act on them."""

import signal

WATCHED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)


def block() -> None:
    """Hold them back: one that comes meanwhile is delivered after `unblock`."""
    signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)


def unblock() -> None:
    """Let them through: handlers are in place."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, WATCHED)
