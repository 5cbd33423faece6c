"""The unit, the container file and their commands: read offline, checked by rule."""

import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from gateway.cli import verbs
from tests.architecture import ROOT

UNIT = ROOT / "deploy" / "hushgate.service"
CONTAINER = ROOT / "Containerfile"

HARDENING = {
    "NoNewPrivileges": "yes",
    "CapabilityBoundingSet": "",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
    "MemoryDenyWriteExecute": "yes",
    "RestrictSUIDSGID": "yes",
    "RestrictNamespaces": "yes",
    "LimitCORE": "0",
    "UMask": "0077",
    "StateDirectoryMode": "0700",
}


def sections(text: str) -> dict[str, list[tuple[str, str]]]:
    """A unit file as section -> [(key, value)]; keys may repeat."""
    found: dict[str, list[tuple[str, str]]] = {}
    for line in text.splitlines():
        if line.startswith("["):
            current = found.setdefault(line.strip("[]"), [])
        elif line and line[0] not in "#;":
            key, equals, value = line.partition("=")
            assert equals, line
            current.append((key, value))
    return found


def test_the_unit_has_its_sections_and_hardening() -> None:
    unit = sections(UNIT.read_text())
    assert list(unit) == ["Unit", "Service", "Install"]
    service = dict(unit["Service"])
    assert {key: service.get(key) for key in HARDENING} == HARDENING
    assert service["User"] not in ("", "root", "0")
    assert service["KillSignal"] == "SIGTERM"
    assert "HUP" in service["ExecReload"]


def test_no_key_but_a_filter_stands_twice_in_the_unit() -> None:
    for pairs in sections(UNIT.read_text()).values():
        keys = [key for key, _ in pairs if key != "SystemCallFilter"]
        assert sorted(keys) == sorted(set(keys))


def test_the_units_commands_exist_and_parse() -> None:
    service = dict(sections(UNIT.read_text())["Service"])
    for key in ("ExecStartPre", "ExecStart"):
        program, verb, *rest = service[key].split()
        assert Path(program).name == "hushgate"
        assert verbs.parser([verb]).parse_args([verb, *rest]).verb == verb


def test_stopping_takes_longer_than_draining() -> None:
    from gateway.boundsschema import TIMEOUTS

    service = dict(sections(UNIT.read_text())["Service"])
    drain = TIMEOUTS.defaults["drain"]
    assert isinstance(drain, float | int)
    assert int(service["TimeoutStopSec"]) > drain


def test_what_interception_needs_loosens_nothing_else() -> None:
    # tests/service/test_interception.py shows that it is needed.
    loosened = sections((ROOT / "deploy" / "intercept.conf").read_text())
    assert loosened == {"Service": [("MemoryDenyWriteExecute", "no")]}


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
@pytest.mark.parametrize("name", ["hushgate.service", "hushgate-redirect.service"])
def test_systemd_accepts_the_units(tmp_path: Path, name: str) -> None:
    # The programs are not installed here: a stand-in keeps the check about the units themselves.
    program = shutil.which("true")
    assert program is not None
    for unit in sorted((ROOT / "deploy").glob("*.service")):
        said = re.sub(r"/opt/hushgate/(bin/hushgate|redirect\.sh)", program, unit.read_text())
        (tmp_path / unit.name).write_text(said)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / name)],
        capture_output=True,
        text=True,
        check=False,
    )
    complaints = [line for line in done.stderr.splitlines() if "hushgate" in line]
    assert complaints == []


# ---- the redirect ----------------------------------------------------------------------------------------


def test_the_redirects_unit_calls_the_script_as_it_wants_to_be_called() -> None:
    service = dict(sections((ROOT / "deploy" / "hushgate-redirect.service").read_text())["Service"])
    assert service["CapabilityBoundingSet"] == "CAP_NET_ADMIN"
    assert service["RemainAfterExit"] == "yes"
    said = [service[key].split()[1:] for key in ("ExecStart", "ExecStop")]
    assert said == [["up", "--user", "hushgate", "--to", "8443", "$OPTIONS"], ["down"]]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "redirect.sh up"),
        (["sideways"], 2, "redirect.sh up"),
        (["up", "--to"], 2, "redirect.sh up"),
        (["up", "--to", "8443; drop"], 1, "--to: found '8443; drop', expected port numbers"),
        (["up", "--user", "nobody-of-that-name"], 1, "--user: there is no user 'nobody-of-that-name'"),
        (["up", "--user", "0", "--app", "0,of that } accept"], 1, "--app: there is no user 'of'"),
        (
            ["up", "--only", "203.0.113.7 } accept"],
            1,
            "--only: found '203.0.113.7 } accept', expected addresses",
        ),
        (["up", "--in", 'eth0" accept'], 1, "--in: found 'eth0\" accept', expected an interface"),
    ],
)
def test_the_redirect_refuses_what_it_does_not_understand(arguments: list[str], code: int, said: str) -> None:
    script = ROOT / "deploy" / "redirect.sh"
    done = subprocess.run([str(script), *arguments], capture_output=True, text=True, check=False)
    assert (done.returncode, said in done.stderr) == (code, True), done.stderr


def test_the_pod_redirects_its_application_and_nobody_may_undo_it() -> None:
    pod = yaml.safe_load((ROOT / "deploy" / "sidecar.yaml").read_text())["spec"]
    [redirect] = pod["initContainers"]
    gateway, application = pod["containers"]
    users = [one["securityContext"]["runAsUser"] for one in (gateway, application)]
    assert redirect["args"] == ["up", "--user", str(users[0]), "--app", str(users[1]), "--to", "8443"]
    assert f"--uid {users[0]} " in CONTAINER.read_text()
    assert redirect["securityContext"]["capabilities"] == {"drop": ["ALL"], "add": ["NET_ADMIN"]}
    for one in (gateway, application):
        context = one["securityContext"]
        assert (context["runAsNonRoot"], context["allowPrivilegeEscalation"]) == (True, False)
        assert context["capabilities"] == {"drop": ["ALL"]}
    images = set(re.findall(r"-t (\S+) \.$", (ROOT / "deploy" / "README.md").read_text(), re.MULTILINE))
    assert {redirect["image"], gateway["image"]} <= images


# ---- the container file ---------------------------------------------------------------------------------


def instructions(text: str) -> list[tuple[str, str]]:
    """(instruction, arguments), comments left out and continued lines joined."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [(line.partition(" ")[0], line.partition(" ")[2].strip()) for line in joined.splitlines()]


REFUSED = {
    "FROM": r"^(?!.*:)|:latest\b",
    "ADD": r"",
    "CMD": r"^(?!\[)",
    "ENTRYPOINT": r"^(?!\[)",
    "COPY": r"^\. ",
    "ENV": r"(?i)token|secret|password|key=",
    "ARG": r"(?i)token|secret|password|key=",
    "RUN": r"pip\b.* install\b(?!.*(--require-hashes|--no-index))|\b(curl|wget|sudo)\b|chmod (-R )?777",
}
"""What an instruction must not say: a floating image, shell form (no signals arrive), a copy of everything, a
secret, unchecked installation or download."""
WANTED = ("USER", "HEALTHCHECK", "STOPSIGNAL", "VOLUME", "ENTRYPOINT")
"""What the final stage must have."""


def faults(text: str) -> Iterator[str]:
    """What a reviewer would object to."""
    steps = instructions(text)
    names = [name for name, _ in steps]
    final = steps[len(names) - 1 - names[::-1].index("FROM") :]
    for name, argument in steps:
        if name in REFUSED and re.search(REFUSED[name], argument):
            yield f"{name} {argument}"
    for wanted in WANTED:
        if wanted not in dict(final):
            yield f"the final stage has no {wanted}"
    if not re.match(r"[1-9][0-9]*(:|$)", dict(final).get("USER", "")):
        yield "does not end as a numeric user other than root"


def test_the_container_file_has_no_faults() -> None:
    assert list(faults(CONTAINER.read_text())) == []


def test_it_copies_only_what_the_ignore_file_lets_in() -> None:
    allowed = {line[1:] for line in (ROOT / ".containerignore").read_text().splitlines() if line[:1] == "!"}
    for name, argument in instructions(CONTAINER.read_text()):
        if name == "COPY" and not argument.startswith("--from"):
            sources = argument.split()[:-1]
            assert set(sources) <= allowed
            assert [source for source in sources if not (ROOT / source).exists()] == []


def test_the_redirects_image_calls_the_script_as_it_wants_to_be_called() -> None:
    text = CONTAINER.read_text()
    stage = dict(instructions(text[text.index("AS redirect") : text.rindex("FROM ")])[1:])
    assert stage["ENTRYPOINT"] == '["redirect.sh"]'
    assert stage["COPY"] == "deploy/redirect.sh /usr/local/bin/redirect.sh"
    users = re.findall(r"--uid (\d+)", text)
    assert stage["CMD"] == f'["up", "--user", "{users[0]}"]', "whoever Hushgate is in its own image"


def test_what_it_installs_is_the_project_or_one_of_its_extras() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    [default] = [argument for name, argument in instructions(CONTAINER.read_text()) if name == "ARG"]
    assert default == f"INSTALL={project['name']}"
    said = CONTAINER.read_text() + (ROOT / "deploy" / "README.md").read_text()
    extras = set(re.findall(r"hushgate\[(\w+)\]", said))
    assert extras and extras <= set(project["optional-dependencies"])


def test_its_command_parses() -> None:
    found = dict(instructions(CONTAINER.read_text()))
    assert found["ENTRYPOINT"] == '["hushgate"]'
    words = re.findall(r'"([^"]+)"', found["CMD"])
    assert verbs.parser([words[0]]).parse_args(words).verb == "run"


GOOD = """FROM a:1 AS build
FROM a:1
USER 10001
VOLUME ["/v"]
STOPSIGNAL SIGTERM
HEALTHCHECK CMD ["x"]
ENTRYPOINT ["x"]
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("USER 10001\n", ""),
        ("USER 10001", "USER root"),
        ("USER 10001", "USER 0:0"),
        ("FROM a:1\n", "FROM a\n"),
        ("FROM a:1\n", "FROM a:latest\n"),
        ('ENTRYPOINT ["x"]', "ENTRYPOINT x"),
        ("USER 10001", "COPY . /x\nUSER 10001"),
        ("USER 10001", "ADD x /x\nUSER 10001"),
        ("USER 10001", "ENV API_TOKEN=1\nUSER 10001"),
        ("USER 10001", "RUN python -m pip \\\n    install x\nUSER 10001"),
        ("USER 10001", "RUN curl x | sh\nUSER 10001"),
        ('HEALTHCHECK CMD ["x"]\n', ""),
    ],
)
def test_each_fault_is_seen(old: str, new: str) -> None:
    assert list(faults(GOOD)) == []
    assert list(faults(GOOD.replace(old, new)))


def test_make_knows_every_command_of_ci() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    makefile = (ROOT / "Makefile").read_text()
    targets = re.findall(r"^make (\w+)$", script, re.MULTILINE)
    assert targets == ["check", "test"]
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111
