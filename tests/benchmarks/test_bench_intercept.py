"""The deployment that interception is measured with: it loads, and mints for the host it means."""

from pathlib import Path

from benchmarks.hushgate.intercept import HOST, write_interception
from gateway import clock
from gateway.ca import authority
from gateway.config import load_config


def test_the_deployment_intercepts_the_host_of_the_requests(tmp_path: Path) -> None:
    made = write_interception(tmp_path, 8000, 2)
    config = load_config(made.config, made.env)
    [listener] = config.listeners
    assert (listener.plane, listener.workers) == ("intercept", 2)
    assert listener.interception is not None and listener.interception.mode == f"reverse:https://{HOST}"
    assert [(up.url, up.connect) for up in config.upstreams] == [
        (f"http://{HOST}:8000", ("127.0.0.1",)),
        ("http://twilio.bench.internal:8000", ("127.0.0.1",)),
    ]
    assert authority.load(tmp_path / "ca").issuer(clock.now()).subtrees.permits(HOST)
