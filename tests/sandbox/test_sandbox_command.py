"""`python -m gateway.sandbox`: one JSON line when it listens, a clean stop."""

import json
import signal
import subprocess
import sys
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest


@pytest.mark.parametrize(
    ("provider", "path"), [("hubspot", "/crm/v3/objects/contacts"), ("twilio", "/v2/PhoneNumbers/1")]
)
def test_command(provider: str, path: str) -> None:
    command = [sys.executable, "-W", "error", "-m", "gateway.sandbox", "--provider", provider]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        line = json.loads(process.stdout.readline())
        with pytest.raises(HTTPError) as refused, urlopen(line["url"] + path, timeout=10):
            pass
        refused.value.close()
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=20)
    assert (line["provider"], refused.value.code) == (provider, 401)
    assert errors == ""
