"""Clients as people write them, none of which knows of a gateway: each asks for a page of messages.

A program finds URL, ACCOUNT and TOKEN in its environment and prints `{"messages": [{"to": ...}]}`, masked.
What it is given besides is in the environment alone: where the proxy is, and whom to trust.
"""

import fcntl
import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from gateway.cli.main import main
from tests.architecture import ROOT

BUNDLE = "hushgate-bundle.pem"
ROOT_FILE = "hushgate-root.crt"
STORE = "hushgate-truststore.p12"

Trust = Callable[[Path], Mapping[str, str]]


def python_trust(folder: Path) -> Mapping[str, str]:
    """As `hushgate ca trust --for python` says."""
    return {"REQUESTS_CA_BUNDLE": str(folder / BUNDLE), "SSL_CERT_FILE": str(folder / BUNDLE)}


def curl_trust(folder: Path) -> Mapping[str, str]:
    """As `hushgate ca trust --for curl` says."""
    return {"CURL_CA_BUNDLE": str(folder / BUNDLE)}


def node_trust(folder: Path) -> Mapping[str, str]:
    """As `hushgate ca trust --for node` says."""
    return {"NODE_EXTRA_CA_CERTS": str(folder / ROOT_FILE)}


def java_trust(folder: Path) -> Mapping[str, str]:
    """As `hushgate ca trust --for java` says."""
    store = folder / STORE
    named = f"-Djavax.net.ssl.trustStore={store} -Djavax.net.ssl.trustStoreType=PKCS12"
    return {"JAVA_TOOL_OPTIONS": f"{named} -Djavax.net.ssl.trustStorePassword=changeit"}


@dataclass(frozen=True, slots=True)
class Client:
    """One row of the table in docs/interception.md.

    `needs`: a module, or a program, without which it cannot run here. `proxies`: it obeys HTTPS_PROXY.
    """

    name: str
    needs: str
    command: Callable[[Path], list[str]]
    trust: Trust
    proxies: bool = True

    def missing(self) -> str:
        """Why it cannot run here; "" when it can."""
        if self.needs.startswith("python:"):
            module = self.needs.removeprefix("python:")
            return "" if importlib.util.find_spec(module) else f"{module} is not installed"
        if self.needs == "axios":
            return axios_missing()
        if self.needs == "curl --http2":
            said = subprocess.run(["curl", "--version"], capture_output=True, text=True, check=False).stdout
            return "" if "HTTP2" in said else "this curl has no HTTP/2"
        return "" if shutil.which(self.needs) else f"{self.needs} is not installed"


AXIOS = ROOT / ".state" / "clients" / "axios"
"""Where the one client that Python's registry does not have is installed, by its lock file."""
_AXIOS_LOCK = ROOT / "tests" / "axios"
_NPM = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=0"]


@cache
def axios_missing() -> str:
    """Why axios cannot run here; "" when it can. Installs it where it is not yet, or another version is."""
    for program in ("node", "npm"):
        if not shutil.which(program):
            return f"{program} is not installed"
    AXIOS.mkdir(parents=True, exist_ok=True)
    wanted = (_AXIOS_LOCK / "package-lock.json").read_bytes()
    installed = AXIOS / "installed.json"
    with (AXIOS / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several test processes may come here at once
        if installed.is_file() and installed.read_bytes() == wanted:
            return ""
        for name in ("package.json", "package-lock.json"):
            shutil.copy(_AXIOS_LOCK / name, AXIOS / name)
        try:
            done = subprocess.run(_NPM, cwd=AXIOS, capture_output=True, timeout=60, check=False)
        except subprocess.TimeoutExpired:
            return "axios could not be installed: npm did not end"
        if done.returncode:
            return "axios could not be installed: npm does not reach its registry"
        installed.write_bytes(wanted)
    return ""


def certify(folder: Path) -> None:
    """An authority for the deployment file of a folder, and what its clients are to trust, in `trust`."""
    file = str(folder / "hushgate.yaml")
    assert main(["ca", "init", "-c", file, "--root-out", str(folder / "root")]) == 0
    assert main(["ca", "trust", "-c", file, "--for", "all", "--out", str(folder / "trust")]) == 0


def write_packs(folder: Path) -> None:
    """The packs the clients need, in `packs/`: of Salesforce's, which takes seconds to compile, its query."""
    (folder / "packs").mkdir()
    for name in ("twilio", "hubspot", "salesforce"):
        pack = yaml.safe_load((ROOT / "plugins" / name / "pack.yaml").read_text())
        if name == "salesforce":
            pack["operations"] = [one for one in pack["operations"] if one["id"] == "query"]
        (folder / "packs" / name).mkdir()
        (folder / "packs" / name / "pack.yaml").write_text(yaml.safe_dump(pack, sort_keys=False))


_PREFACE = "import os; url, who = os.environ['URL'], (os.environ['ACCOUNT'], os.environ['TOKEN'])\n"
_REQUESTS = "import requests; print(requests.get(url, auth=who, timeout=20).text)"
_HTTPX = "import httpx\nwith httpx.Client(http2=%s, timeout=20) as c: print(c.get(url, auth=who).text)"
_URLLIB = """\
import base64, urllib.request
basic = base64.b64encode(':'.join(who).encode()).decode()
asked = urllib.request.Request(url, headers={'Authorization': 'Basic ' + basic})
print(urllib.request.urlopen(asked, timeout=20).read().decode())
"""
_AIOHTTP = """\
import aiohttp, asyncio
async def main():
    async with aiohttp.ClientSession(trust_env=True, auth=aiohttp.BasicAuth(*who)) as session:
        async with session.get(url) as answer:
            print(await answer.text())
asyncio.run(main())
"""
_TWILIO = """\
import json
from twilio.rest import Client
messages = Client(*who).messages.list(limit=2)
print(json.dumps({'messages': [{'to': message.to} for message in messages]}))
"""
_HUBSPOT = """\
import json
from hubspot import HubSpot
page = HubSpot(access_token=who[1]).crm.contacts.basic_api.get_page(limit=2, properties=['phone'])
print(json.dumps({'messages': [{'to': contact.properties['phone']} for contact in page.results]}))
"""
_SALESFORCE = """\
import json
from simple_salesforce import Salesforce
sf = Salesforce(instance='acme.my.salesforce.com', session_id=who[1], version='60.0')
rows = sf.query("SELECT Name, Phone FROM Contact LIMIT 2")['records']
print(json.dumps({'messages': [{'to': row['Phone']} for row in rows]}))
"""
_FETCH = """\
const basic = Buffer.from(process.env.ACCOUNT + ':' + process.env.TOKEN).toString('base64');
fetch(process.env.URL, {headers: {Authorization: 'Basic ' + basic}})
    .then(answer => answer.text()).then(text => console.log(text));
"""
_AXIOS = """\
const axios = require(process.argv[1]);
const auth = {username: process.env.ACCOUNT, password: process.env.TOKEN};
axios.get(process.env.URL, {auth, timeout: 20000})
    .then(answer => console.log(JSON.stringify(answer.data)))
    .catch(error => { console.error(error.message); process.exit(1); });
"""
_JAVA = """\
import java.net.URI;
import java.net.http.*;
import java.util.Base64;
public class Ask {
    public static void main(String[] arguments) throws Exception {
        String who = System.getenv("ACCOUNT") + ":" + System.getenv("TOKEN");
        String basic = Base64.getEncoder().encodeToString(who.getBytes());
        HttpRequest asked = HttpRequest.newBuilder(URI.create(System.getenv("URL")))
            .header("Authorization", "Basic " + basic).build();
        HttpClient client = HttpClient.newHttpClient();
        System.out.println(client.send(asked, HttpResponse.BodyHandlers.ofString()).body());
    }
}
"""
_CURL = 'exec curl -sS --max-time 20 {0} -u "$ACCOUNT:$TOKEN" "$URL"'


def _python(text: str) -> Callable[[Path], list[str]]:
    return lambda _: [sys.executable, "-c", _PREFACE + text]


def _curl(option: str) -> Callable[[Path], list[str]]:
    return lambda _: ["sh", "-c", _CURL.format(option)]


def _axios(_: Path) -> list[str]:
    return ["node", "-e", _AXIOS, str(AXIOS / "node_modules" / "axios")]


def _java(folder: Path) -> list[str]:
    source = folder / "Ask.java"
    source.write_text(_JAVA)
    return ["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", str(source)]


CLIENTS = (
    Client("curl, HTTP/1.1", "curl", _curl("--http1.1"), curl_trust),
    Client("curl, HTTP/2", "curl --http2", _curl("--http2"), curl_trust),
    Client("requests", "python:requests", _python(_REQUESTS), python_trust),
    Client("httpx, HTTP/1.1", "python:httpx", _python(_HTTPX % False), python_trust),
    Client("httpx, HTTP/2", "python:httpx", _python(_HTTPX % True), python_trust),
    Client("aiohttp", "python:aiohttp", _python(_AIOHTTP), python_trust),
    Client("urllib", "python:urllib", _python(_URLLIB), python_trust),
    Client("twilio", "python:twilio", _python(_TWILIO), python_trust),
    Client("hubspot-api-client", "python:hubspot", _python(_HUBSPOT), python_trust, proxies=False),
    Client("simple-salesforce", "python:simple_salesforce", _python(_SALESFORCE), python_trust),
    Client("axios", "axios", _axios, node_trust),
    Client("Node fetch", "node", lambda _: ["node", "-e", _FETCH], node_trust, proxies=False),
    Client("Java HttpClient", "javac", _java, java_trust, proxies=False),
)
