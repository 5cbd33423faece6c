"""Where webhooks come in and go on to, and where links of one click lead: values of the deployment. Pure."""

from dataclasses import dataclass

from gateway.model import Upstream
from gateway.webhooks.signing import Signing


@dataclass(frozen=True, slots=True)
class Route:
    """Webhooks of a provider that are meant for one client (application) of a tenant.

    `upstream` is that application, and holds the prefix or host they come in by. `webhooks` are operations of
    the provider's pack. `public_url` is what the provider calls, `sign_url` what the application checks the
    new signature against. `department` stands in what they add to the registry. `line` is where the
    deployment file names it.
    """

    upstream: Upstream
    tenant: str
    client: str
    webhooks: tuple[str, ...]
    public_url: str
    verify: Signing
    sign: Signing | None = None
    sign_url: str = ""
    department: str = ""
    line: int = 1

    @property
    def name(self) -> str:
        """Its name."""
        return self.upstream.name

    @property
    def provider(self) -> str:
        """Whose webhooks they are."""
        return self.upstream.provider


@dataclass(frozen=True, slots=True)
class OneClick:
    """Where links of one click lead: a prefix or a host, and what it is called from outside."""

    public_url: str
    prefix: str | None = None
    host: str | None = None
