"""What is wrong with a server, in words that name what failed and quote nothing that is kept there. Pure."""

import re
import ssl
from collections.abc import Iterator, Mapping
from typing import Final

from redis.exceptions import AuthenticationError, NoPermissionError
from redis.exceptions import ConnectionError as Lost

from gateway.contacts.redisaddress import Shared

_ALERTS: Final[Mapping[str, str]] = {
    "CERTIFICATE_REQUIRED": "the server asks for a client certificate, and none is set",
    "HANDSHAKE_FAILURE": "the server refuses the handshake (it may ask for a client certificate)",
    "UNKNOWN_CA": "the server does not know who made the client certificate",
    "BAD_CERTIFICATE": "the server refuses the client certificate",
    "CERTIFICATE_EXPIRED": "the client certificate has expired",
    "KEY_VALUES_MISMATCH": "the client's key is not that of its certificate",
}
_REFUSED: Final = "the server refuses the user or its password"
_ASKED: Final = "the server asks for a password, and none is set"
_ENDED: Final = "if the server ends connections at once, it asks for a client certificate, and none is set"
_command: Final = re.compile(r"run the '([a-z|-]{1,40})' command").search
_code: Final = re.compile(r"[A-Z]{3,}(?= )").match


def words(error: BaseException, shared: Shared) -> str:
    """What to say of it. A server's own words may quote an argument; its error code does not."""
    tls = next((each for each in _chain(error) if isinstance(each, ssl.SSLError)), None)
    if tls is not None:
        return _of_tls(tls)
    name, text = type(error).__name__, str(error)
    if isinstance(error, NoPermissionError):
        return f"{name}: the access list does not let the user have {_permission(text)}"
    if isinstance(error, AuthenticationError):
        asked = "required" in text or "already authenticated" in text
        return f"{name}: {_ASKED if asked else _REFUSED}"
    code = _code(text)
    if code is None and isinstance(error, Lost) and shared.address.tls and not shared.client_cert:
        return f"{name}: {_ENDED}"  # the alert that says so is lost where its connection was reset first
    return f"{name} {code[0]}" if code else name


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _of_tls(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"TLS: the server's certificate is refused: {error.verify_message}"
    reason = (error.reason or "").upper()
    said = next((text for name, text in _ALERTS.items() if name in reason), "")
    return f"TLS: {said or reason or type(error).__name__}"


def _permission(text: str) -> str:
    """What the access list does not allow: a command of ours, keys, or the channel of changes."""
    command = _command(text)
    if command:
        return f"the command {command[1]}"
    return "the channel hushgate:changes" if "channel" in text else "the keys hushgate:*"
