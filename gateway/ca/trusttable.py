"""Kinds of clients, and how each is told to trust the root. Pure.

In texts, `{root}` is the root's PEM file, `{der}` the same in DER, `{bundle}` the system's authorities with
the root, `{store}` those as PKCS#12, `{name}` a name that no other root has, `{sha1}` its SHA-1.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

STORE_PASSWORD: Final = "changeit"  # noqa: S105 - Java's own default: a truststore holds nothing secret


@dataclass(frozen=True, slots=True)
class Target:
    """One kind of client. `undo` is left out where taking the variables away is all there is to it."""

    title: str
    files: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    install: tuple[str, ...] = ()
    undo: tuple[str, ...] = ()
    note: str = ""


_DEBIAN: Final = "/usr/local/share/ca-certificates/{name}.crt"
_RHEL: Final = "/etc/pki/ca-trust/source/anchors/{name}.pem"
_JAVA: Final = (
    "-Djavax.net.ssl.trustStore={store} -Djavax.net.ssl.trustStoreType=PKCS12"
    " -Djavax.net.ssl.trustStorePassword={password}"
)

TARGETS: Final[Mapping[str, Target]] = {
    "debian": Target(
        "Debian, Ubuntu, Alpine: the system's store",
        ("root",),
        install=(f"sudo install -m 0644 {{root}} {_DEBIAN}", "sudo update-ca-certificates"),
        undo=(f"sudo rm {_DEBIAN}", "sudo update-ca-certificates --fresh"),
        note="Read by curl, git, Go, Ruby, PHP, the system's Python; not by Node, Java, Python's certifi.",
    ),
    "rhel": Target(
        "RHEL, Fedora, Amazon Linux: the system's store",
        ("root",),
        install=(f"sudo install -m 0644 {{root}} {_RHEL}", "sudo update-ca-trust extract"),
        undo=(f"sudo rm {_RHEL}", "sudo update-ca-trust extract"),
        note="Read by curl, git, Go, Ruby, PHP, the system's Java; not by Node or Python's certifi.",
    ),
    "java": Target(
        "Java: a truststore in place of cacerts",
        ("root", "store"),
        env={"JAVA_TOOL_OPTIONS": _JAVA},
        note=(
            "The store holds the system's authorities too, since it replaces Java's own. To add the root to "
            "Java's own instead: keytool -importcert -noprompt -cacerts -storepass {password} -alias {name} "
            "-file {root}; to undo that: keytool -delete -cacerts -storepass {password} -alias {name}."
        ),
    ),
    "node": Target(
        "Node.js: added to its own authorities",
        ("root",),
        env={"NODE_EXTRA_CA_CERTS": "{root}"},
        note="Read once, when the process starts; a `ca` option in the code replaces it.",
    ),
    "python": Target(
        "Python: requests, httpx, aiohttp, urllib3, and SDKs built on them",
        ("bundle",),
        env={"REQUESTS_CA_BUNDLE": "{bundle}", "SSL_CERT_FILE": "{bundle}"},
        note="Both replace the whole store: the bundle holds the system's authorities and the root.",
    ),
    "curl": Target(
        "curl, and what is built on libcurl with OpenSSL",
        ("bundle",),
        env={"CURL_CA_BUNDLE": "{bundle}", "SSL_CERT_FILE": "{bundle}"},
        note="CURL_CA_BUNDLE is read by the program curl alone; it replaces the whole store.",
    ),
    "windows": Target(
        "Windows: the machine's store",
        ("der",),
        install=("certutil -addstore -f Root {der}",),
        undo=("certutil -delstore Root {sha1}",),
        note=(
            "As administrator; for a fleet by group policy (Computer Configuration, Public Key Policies, "
            "Trusted Root Certification Authorities). curl with Schannel asks for revocation: "
            "--ssl-revoke-best-effort."
        ),
    ),
    "macos": Target(
        "macOS: the system's keychain",
        ("root",),
        install=(
            "sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain {root}",
        ),
        undo=("sudo security delete-certificate -Z {sha1} /Library/Keychains/System.keychain",),
        note="For a fleet by a configuration profile (payload com.apple.security.root).",
    ),
}
