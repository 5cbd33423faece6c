"""A request is explained as the planes would decide it."""

import os
from pathlib import Path

from gateway.config import load_config
from gateway.service.explaining import explain_request
from tests.service.house import House
from tests.wspeers import LIVE, asking


def test_a_websocket_is_explained_as_what_it_is(tmp_path: Path) -> None:
    house = House(tmp_path, 9)
    (tmp_path / "packs" / "crm" / "pack.yaml").write_bytes(LIVE)
    config = load_config(house.config, os.environ)
    found = explain_request(config, asking("/crm/live"), b"", None)
    assert (found.operation, found.outcome.effect) == ("crm.live", "allow")
    plain = explain_request(config, asking("/crm/status"), b"", None)
    assert plain.outcome.reason == "upgrade_required_refused"
