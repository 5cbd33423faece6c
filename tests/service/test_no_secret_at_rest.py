"""What goes through the gateway stays in none of its own files, pages or output."""

import http.client
import json
import socket
from pathlib import Path

from tests.plane import Upstream, answer, request
from tests.service.house import House, running

SEEDED = ("SEEDpath", "SEEDquery", "seedhead", "SEEDbody", "SEEDanswer", "SEEDkey", "SEEDraw", "SEEDfield")


def test_no_secret_at_rest(tmp_path: Path) -> None:
    document = {"id": "SEEDanswer1", "email": "SEEDanswer@example.com", "SEEDfield": "SEEDanswer"}
    replies = iter([answer(json.dumps(document).encode())] * 4)

    def reply(_: bytes) -> bytes:
        return next(replies, b"HTTP/1.1 200 OK\r\nX-SEEDanswer\r\n\r\nSEEDanswer")

    with (
        Upstream(reply) as upstream,
        running(House(tmp_path, upstream.port, more="log: {level: debug}\n")) as house,
    ):
        seeds(house)
        pages = "".join(house.page(path)[1] for path in ("/metrics", "/readyz", "/healthz"))
        assert house.stop() == 0
    files = [p for p in tmp_path.rglob("*") if p.is_file() and p.suffix != ".yaml" and p.name != "keyring"]
    names = {p.name for p in files}
    assert {"stderr", "state.db", "worker-00.000001.jsonl"} <= names or any(
        n.endswith(".jsonl") for n in names
    )
    assert any("cache" in str(p) for p in files)
    for text in [pages, *(p.read_bytes().decode("latin-1") for p in files)]:
        found = [seed for seed in SEEDED if seed.lower() in text.lower()]
        assert not found, found
    assert all(json.loads(line)["level"] for line in house.log.splitlines()), "every line is one JSON object"
    assert len(house.records()) > 8


def seeds(house: House) -> None:
    json_kind = {"Content_Type": "application/json"}
    asks = [
        ("GET", "/crm/contacts/SEEDpath", b"", {}),
        ("GET", "/crm/contacts?email=SEEDquery@example.com&q=SEEDquery", b"", {"X_Seed": "seedhead"}),
        ("POST", "/crm/contacts", b'{"email": "SEEDbody@example.com", "SEEDfield": "SEEDbody"}', json_kind),
        ("POST", "/crm/contacts", b'{"email": "SEEDbody@example.com", SEEDbody', json_kind),
        ("POST", "/crm/contacts", b'{"SEEDfield": 1, "SEEDfield": 2}', json_kind),
        (
            "POST",
            "/crm/messages",
            b"To=SEEDbody&Body=SEEDbody",
            {"Content_Type": "application/x-www-form-urlencoded"},
        ),
        ("POST", "/crm/contacts", b"SEEDbody", {"Content_Type": "seedhead/seedhead"}),
        (
            "POST",
            "/crm/contacts",
            b"SEEDbody",
            {"Content_Type": "application/json", "Content_Encoding": "seedhead"},
        ),
        ("GET", "/SEEDpath/SEEDpath?SEEDquery", b"", {}),
        ("DELETE", "/crm/contacts/SEEDpath", b"", {"Hushgate_Purpose": "seedhead"}),
        ("GET", "/crm/contacts/SEEDpath", b"", {}),
        ("GET", "/crm/contacts/SEEDpath", b"", {}),
    ]
    for method, path, body, headers in asks:
        house.ask(method, path, body, **headers)
    raws = [
        b"SEEDraw /SEEDraw HTTP/1.1\r\n\r\n",
        b"GET /SEEDraw HTTP/1.1\r\nSEEDraw SEEDraw\r\n\r\n",
        request("GET", "/crm/contacts/SEEDpath", client="").replace(
            b"Host", b"Hushgate-Key: SEEDkey\r\nHost"
        ),
    ]
    for raw in raws:
        with socket.create_connection(house.apps, 10) as sock:
            sock.sendall(raw)
            sock.recv(65536)
    with socket.create_connection(house.apps, 10) as sock:
        sock.sendall(request("POST", "/crm/contacts", b"SEEDbody")[:-3])  # gone within the body
    connection = http.client.HTTPConnection(*house.admin, timeout=30)
    connection.request("GET", "/SEEDpath?SEEDquery")
    connection.getresponse().read()
    connection.close()
