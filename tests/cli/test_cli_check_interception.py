"""`hushgate check` and what interception needs."""

from importlib import util
from pathlib import Path

import pytest

from gateway.cli import exits
from gateway.cli.main import main
from gateway.service import interception
from tests.cli.test_cli_register import CONFIG, RULES

LISTENER = "listeners: [{name: all, plane: intercept, mode: proxy, bind: '127.0.0.1:0'}]"
FOLDER = "certificates: {dir: ca}\n"


def checked(folder: Path, capsys: pytest.CaptureFixture[str], config: str) -> tuple[int, str, str]:
    (folder / "rules").mkdir(exist_ok=True)
    (folder / "rules" / "acme.yaml").write_text(RULES)
    file = folder / "hushgate.yaml"
    file.write_text(config)
    code = main(["check", str(file)])
    out, err = capsys.readouterr()
    return code, out, err


def test_what_the_machine_lacks_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = CONFIG.replace(CONFIG.splitlines()[0], LISTENER) + FOLDER
    code, out, err = checked(tmp_path, capsys, config)
    assert (code, out) == (exits.OK, "") and "here: " in err and "root.pem" in err
    found = util.find_spec
    monkeypatch.setattr(interception, "find_spec", lambda name: None if name == "mitmproxy" else found(name))
    assert "without mitmproxy" in checked(tmp_path, capsys, config)[2]
    assert checked(tmp_path, capsys, CONFIG) == (exits.OK, "", "")
