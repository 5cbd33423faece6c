"""The seam for a key management service: a plugin unwraps the gateway's master keys when it starts.

A plugin is an installed package with an entry point in the group `hushgate.kms`, whose name is the one in the
keyring's line (keyfile.py) and whose object is a Kms. For AWS it could be, in the package `acme_hushgate`:

    class AwsKms:
        def unwrap(self, wrapped: bytes) -> bytes:
            answer = boto3.client("kms").decrypt(CiphertextBlob=wrapped, KeyId="alias/hushgate")
            return answer["Plaintext"]

    kms = AwsKms()

with, in its pyproject.toml,

    [project.entry-points."hushgate.kms"]
    aws = "acme_hushgate:kms"

and in the keyring `hushgate-key-v1:1:aws:` and, in base64url, 32 random bytes as the service encrypted them.
"""

from typing import Final, Protocol, runtime_checkable

from gateway.plugged import finder

GROUP: Final = "hushgate.kms"
"""Group of entry points; what stands there is loaded only when a keyring names it."""


@runtime_checkable
class Kms(Protocol):
    """What a plugin offers. It is asked once per wrapped line, at start and at reload, and may raise."""

    def unwrap(self, wrapped: bytes) -> bytes:
        """The 32-byte key that was wrapped."""


plugged: Final = finder(GROUP)
"""The installed plugin of a name. Raises LookupError, and whatever the plugin raises while it loads."""
