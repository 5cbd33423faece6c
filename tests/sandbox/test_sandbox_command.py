"""`python -m gateway.sandbox`: one JSON line when it listens, a clean stop."""

import json
import subprocess
import sys
from collections.abc import Iterator
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

PATHS = {
    "hubspot": "/crm/v3/objects/contacts",
    "salesforce": "/services/data/v60.0/limits",
    "twilio": "/v2/PhoneNumbers/1",
}


@pytest.fixture(params=sorted(PATHS))
def process(request: pytest.FixtureRequest) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-W", "error", "-m", "gateway.sandbox", "--provider", request.param]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as started:
        try:
            yield started
        finally:
            started.kill()


def test_command(process: "subprocess.Popen[str]") -> None:
    assert process.stdout
    line = json.loads(process.stdout.readline())
    with pytest.raises(HTTPError) as refused, urlopen(line["url"] + PATHS[line["provider"]], timeout=30):
        pass
    refused.value.close()
    process.terminate()
    _, errors = process.communicate(timeout=20)
    assert refused.value.code == 401
    assert errors == ""
