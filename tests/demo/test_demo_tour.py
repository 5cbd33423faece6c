"""`hushgate demo --once`: the whole tour, with a real gateway in a process of its own."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

from gateway.demo.house import House
from gateway.demo.tour import Total, pointers


def test_tour_shows_what_it_has_to(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "gateway.cli.main", "demo", "--once", "--state", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    log = tmp_path / "gateway.log"
    assert done.returncode == 0, done.stdout + done.stderr + (log.read_text() if log.exists() else "")
    total = json.loads(done.stdout.splitlines()[-1])
    assert total["ok"] is True
    assert total["dropped"] == 1
    assert total["refused"]["contact_suppressed"] == 3
    assert total["refused"]["webhook_unverified"] == 1
    assert total["audit"]["verified"] is True
    assert set(total["refused"]) == {
        "contact_suppressed",
        "contact_without_consent",
        "token_invalid",
        "token_not_allowed",
        "webhook_unverified",
        "region_not_allowed",
        "access_denied",
        "unknown_client",
    }


def test_last_line_is_one_json_object() -> None:
    total = Total(masked=3, refused={"x": 1}, dropped=1, records=9, verified=True, ok=False)
    assert json.loads(total.as_json()) == {
        "masked": 3,
        "refused": {"x": 1},
        "dropped": 1,
        "audit": {"records": 9, "verified": True},
        "ok": False,
    }


def test_pointers_hold_a_line_to_copy() -> None:
    keys = {"helpdesk": "k1", "dialer": "k2", "backoffice": "k3", "phonebank": "k4", "statistics": "k5"}
    keys["newsletter"] = "k6"
    house = House(Path("/x"), Path("/x/hushgate.yaml"), "http://127.0.0.1:1", "http://127.0.0.1:2", keys)
    text = "\n".join(pointers(house))
    assert "curl -H 'Hushgate-Key: k1' 'http://127.0.0.1:1/hubspot/crm/v3/objects/contacts/101?" in text
    assert all(key in text for key in keys.values())
    assert "HTTPS_PROXY" not in text
    proxied = "\n".join(pointers(dataclasses.replace(house, proxy="127.0.0.1:3")))
    assert "HTTPS_PROXY=http://app:k1@127.0.0.1:3" in proxied
    assert "--cacert '/x/ca-root/root.pem' 'https://api.hubapi.com/crm/" in proxied
