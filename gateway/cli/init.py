"""`hushgate init`: a starter deployment that runs as it is."""

import argparse
import json
import os
import sys
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

from gateway import clock, keys
from gateway.cli import exits
from gateway.cli.key import client_key
from gateway.cli.verbs import VERBS, Subparsers
from gateway.strict.document import Scalar
from gateway.strict.kinds import INVALID
from gateway.strict.report import Report
from gateway.strict.words import NAME

DESCRIPTION = """\
Writes hushgate.yaml, rules/<tenant>.yaml with a case that tests it, a keyring that only you can read, and
(where there is none yet) a .gitignore that keeps it out of version control. Nothing is ever overwritten: when
one of them is there already, nothing is written."""
IGNORE = ".gitignore"


def register(subparsers: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add the verb's parser."""
    parser = subparsers.add_parser(
        "init",
        help=VERBS["init"].help,
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", nargs="?", default=".", help="where to write (default: here)")
    parser.add_argument(
        "--tenant", default="example", type=_tenant, help="name of the tenant (default: example)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _tenant(text: str) -> str:
    report = Report("--tenant")
    if NAME.read(Scalar(1, 1, text), report) is INVALID:
        raise argparse.ArgumentTypeError(f"{text!r} is not {NAME.expected}")
    return text


def run(args: argparse.Namespace) -> int:
    """Write it, and print the client's key once. Raises OSError when the folder cannot be written."""
    folder = Path(args.folder)
    key, digest = client_key()
    files = starter(args.tenant, digest, clock.now())
    if (folder / IGNORE).exists():
        del files[IGNORE]
    taken = [name for name in files if os.path.lexists(folder / name)]
    if taken:
        sys.stderr.write(f"hushgate: {', '.join(taken)}: there already; nothing was written\n")
        return exits.FAILED
    for name, (data, mode) in files.items():
        _write(folder / name, data, mode)
    print(_as_json(folder, files, key) if args.json else _as_text(folder, files, key))
    return exits.OK


Files = dict[str, tuple[bytes, int]]


def starter(tenant: str, key_digest: str, now: float) -> Files:
    """Path -> (bytes, mode) of everything that is written. `now` is in seconds since the epoch."""
    values = {
        "@TENANT@": tenant,
        "@KEY@": key_digest,
        "@DATE@": datetime.fromtimestamp(now, UTC).date().isoformat(),
    }
    return {
        "hushgate.yaml": (_template("hushgate.yaml", {}), 0o644),
        f"rules/{tenant}.yaml": (_template("rules.yaml", values), 0o644),
        f"rules/{tenant}/cases/support-sees-names.yaml": (_template("case.yaml", {}), 0o644),
        "keyring": (keys.generate(), 0o600),
        IGNORE: (b"keyring\nvar/\n", 0o644),
    }


def _template(name: str, values: dict[str, str]) -> bytes:
    text = resources.files("gateway.cli").joinpath("starter", name).read_text("utf-8")
    for mark, value in values.items():
        text = text.replace(mark, value)
    return text.encode()


def _write(file: Path, data: bytes, mode: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as out:
        out.write(data)


def _as_json(folder: Path, files: Files, key: str) -> str:
    return json.dumps({"files": [str(folder / name) for name in files], "client": "helpdesk", "key": key})


def _as_text(folder: Path, files: Files, key: str) -> str:
    config = folder / "hushgate.yaml"
    return "\n".join(
        [
            *(f"wrote {folder / name}" for name in files),
            "",
            "key of the client `helpdesk`, shown only now:",
            f"  {key}",
            "",
            "next:",
            f"  hushgate check {config}",
            f"  hushgate test {folder / 'rules'}",
            f"  hushgate run --config {config}",
            f"  curl -H 'Hushgate-Key: {key}' -H 'Authorization: Bearer <token>' \\",
            "      http://127.0.0.1:8080/hubspot/crm/v3/objects/contacts",
        ]
    )
