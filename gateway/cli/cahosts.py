"""What a deployment file says about the authority: its folder, its passphrase, and the hosts it is for."""

import os
from pathlib import Path
from urllib.parse import urlsplit

from gateway.ca.names import offered
from gateway.config import load_config
from gateway.deployment import Config
from gateway.errors import ConfigError, Problem
from gateway.policy.packs import load_packs
from gateway.secret import Missing, Secret, resolve
from gateway.strict.checks import scalars
from gateway.strict.document import read
from gateway.strict.report import Report


def settings(file: Path) -> tuple[Path, Secret | None, tuple[str, ...]]:
    """Folder, passphrase and hosts. Raises ConfigError, also for a passphrase that is not there.

    The file's other secrets are left alone: the authority may be made before there are any.
    """
    config = load_config(file, None)
    folder = Path(config.certificates.dir) if config.certificates else Path("certs/ca")
    return folder, _passphrase(file), hosts_of(config)


def _passphrase(file: Path) -> Secret | None:
    root = read(file.read_bytes(), Report(str(file)))
    for node in scalars(root, ("certificates.passphrase",)):
        found = resolve(node.text, os.environ, file.resolve().parent)
        if isinstance(found, Missing):  # without it, keys would be written in clear
            problem = Problem(str(file), node.line, node.column, found.why, "the passphrase of the keys")
            raise ConfigError((problem,))
        return found
    return None


def hosts_of(config: Config) -> tuple[str, ...]:
    """Hosts of the upstreams (of URLs and of routes) and of their providers' packs.

    Addresses and names of one label are none.
    """
    used = {upstream.provider for upstream in config.upstreams}
    urls = [urlsplit(upstream.url).hostname or "" for upstream in config.upstreams]
    routes = [upstream.host or "" for upstream in config.upstreams]
    packs = load_packs(Path(folder) for folder in config.plugins).packs
    names = [host.name for pack in packs if pack.provider in used for host in pack.hosts]
    return tuple(sorted({name for name in map(offered, [*urls, *routes, *names]) if name}))
