"""Signatures against the providers' own validators, both ways; what is forged, changed or late is refused."""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping

import pytest
from hubspot.exceptions import InvalidSignatureTimestampError
from hubspot.utils.signature import Signature
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from gateway import clock
from gateway.errors import PayloadError
from gateway.webhooks.signing import SCHEMES, Call, Signing, fields_of, sign, verify

SECRET = "a-secret"
URL = "https://hooks.example.com/in/sms"
TWILIO = Signing("twilio", (SECRET,))
HUBSPOT = Signing("hubspot-v3", (SECRET,))
NOW = 1_775_044_800.0


def call(
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    form: list[tuple[str, str]] | None = None,
    url: str = URL,
    now: float = NOW,
) -> Call:
    index = {name.lower().encode(): value.encode() for name, value in (headers or {}).items()}
    return Call("POST", url, index.get, body, form, now)


def refused(signing: Signing, it: Call) -> str:
    with pytest.raises(PayloadError) as caught:
        verify(signing, it)
    return caught.value.reason


def headers_of(signing: Signing, it: Call) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in sign(signing, it).headers}


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
forms = st.dictionaries(texts, texts, max_size=5)


@given(forms)
def test_what_twilio_signs_is_good_and_what_is_signed_is_good_to_its_sdk(params: dict[str, str]) -> None:
    validator = RequestValidator(SECRET)
    form = list(params.items())
    verify(TWILIO, call({"X-Twilio-Signature": validator.compute_signature(URL, params)}, form=form))
    made = headers_of(TWILIO, call(form=form))["X-Twilio-Signature"]
    assert validator.validate(URL, params, made)


@pytest.mark.parametrize("url", [URL, URL.replace(".com", ".com:443"), URL.replace(".com", ".com:8443")])
def test_twilio_may_sign_the_port_or_not(url: str) -> None:
    validator = RequestValidator(SECRET)
    bare = re.sub(r":\d+/", "/", url)
    for signed in (bare, url):
        signature = validator.compute_signature(signed, {"a": "b"})
        verify(TWILIO, call({"X-Twilio-Signature": signature}, form=[("a", "b")], url=url))
    if url == URL:
        with_port = validator.compute_signature(URL.replace(".com", ".com:443"), {"a": "b"})
        verify(TWILIO, call({"X-Twilio-Signature": with_port}, form=[("a", "b")]))


def test_twilio_signs_other_bodies_by_their_hash_in_the_url() -> None:
    body, validator = b'{"a": 1}', RequestValidator(SECRET)
    url = f"{URL}?x=1&bodySHA256={hashlib.sha256(body).hexdigest()}"
    good = {"X-Twilio-Signature": validator.compute_signature(url, {})}
    verify(TWILIO, call(good, body, url=url))
    assert refused(TWILIO, call(good, body + b" ", url=url)) == "webhook_unverified"
    assert refused(TWILIO, call(good, body, url=url.replace("x=1", "x=2"))) == "webhook_unverified"
    nothing = {"X-Twilio-Signature": validator.compute_signature(URL, {})}
    assert refused(TWILIO, call(nothing, body)) == "webhook_unverified"
    made = sign(TWILIO, call(body=b"other", url=url))
    assert validator.validate(made.url, "other", made.headers[0][1].decode())
    assert made.url.startswith(f"{URL}?x=1&bodySHA256=")
    assert not validator.validate(made.url, "another", made.headers[0][1].decode())


def test_twilio_signs_with_sha256_where_it_says_so() -> None:
    validator, said = RequestValidator(SECRET), "X-Twilio-Webhooks-Signature-Settings"
    signature = validator.compute_signature(URL, {"a": "b"}, "HMAC_SHA256")
    form = [("a", "b")]
    settings = {said: "key=k,algorithm=HMAC_SHA256", "X-Twilio-Signature": signature}
    verify(TWILIO, call(settings, form=form))
    for other in ("algorithm=HMAC_SHA1", "algorithm=NONE", "algorithm=HMAC_MD5"):
        assert refused(TWILIO, call({**settings, said: other}, form=form)) == "webhook_unverified"


@given(st.binary(max_size=40))
def test_what_hubspot_signs_is_good_and_what_is_signed_is_good_to_its_sdk(raw: bytes) -> None:
    body = raw.decode("latin-1").encode()
    now = clock.now()
    stamp = str(int(now * 1000))
    signature = Signature.get_signature(SECRET, body.decode(), "v3", URL, "POST", stamp)
    given_ = {"X-HubSpot-Signature-v3": signature, "X-HubSpot-Request-Timestamp": stamp}
    verify(HUBSPOT, call(given_, body, now=now))
    made = headers_of(HUBSPOT, call(body=body, now=now))
    assert Signature.is_valid(
        made["X-HubSpot-Signature-v3"],
        SECRET,
        body.decode(),
        URL,
        "POST",
        "v3",
        made["X-HubSpot-Request-Timestamp"],
    )


def test_hubspot_signs_some_escapes_of_the_url_as_what_they_stand_for() -> None:
    stamp, url = str(int(NOW * 1000)), f"{URL}?a=b%3Ac%2fd%20e"
    signature = Signature.get_signature(SECRET, "", "v3", f"{URL}?a=b:c/d%20e", "POST", stamp)
    given_ = {"X-HubSpot-Signature-v3": signature, "X-HubSpot-Request-Timestamp": stamp}
    verify(HUBSPOT, call(given_, url=url))


@pytest.mark.parametrize("late", [301.0, 86_400.0, -301.0])
def test_an_old_timestamp_is_refused_as_the_sdk_refuses_it(late: float) -> None:
    then = clock.now() - late
    made = headers_of(HUBSPOT, call(body=b"x", now=then))
    assert refused(HUBSPOT, call(made, b"x", now=then + late)) == "webhook_expired"
    if late > 0:
        with pytest.raises(InvalidSignatureTimestampError):
            Signature.is_valid("", SECRET, "x", URL, "POST", "v3", made["X-HubSpot-Request-Timestamp"])


def test_a_timestamp_that_is_signed_cannot_be_changed() -> None:
    made = headers_of(HUBSPOT, call(body=b"x", now=NOW - 1000))
    made["X-HubSpot-Request-Timestamp"] = str(int(NOW * 1000))
    assert refused(HUBSPOT, call(made, b"x")) == "webhook_unverified"


STANDARD = Signing(
    *("hmac", (SECRET,), "webhook-signature", "sha256", "base64", "v1,"),
    signed="{id}.{timestamp}.{body}",
    timestamp="webhook-timestamp",
    id="webhook-id",
)


def test_standard_webhooks() -> None:
    stamp = str(int(NOW))
    body = b"{timestamp}"
    digest = hmac.digest(SECRET.encode(), b"msg_1." + stamp.encode() + b"." + body, "sha256")
    signature = base64.b64encode(digest).decode()
    given_ = {
        "webhook-id": "msg_1",
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,bad v1,{signature}",
    }
    verify(STANDARD, call(given_, body))
    made = headers_of(STANDARD, call(given_, body))
    assert made["webhook-signature"] == f"v1,{signature}"
    assert refused(STANDARD, call({**given_, "webhook-id": "msg_2"}, body)) == "webhook_unverified"
    assert refused(STANDARD, call(given_, body, now=NOW + 400)) == "webhook_expired"
    del given_["webhook-timestamp"]
    assert refused(STANDARD, call(given_, body)) == "webhook_unverified"


def test_an_hmac_of_the_body_alone() -> None:
    signing = Signing("hmac", ("old", "new"), "X-Hub-Signature-256", prefix="sha256=")
    for secret in ("old", "new"):
        good = hmac.new(secret.encode(), b"body", hashlib.sha256).hexdigest()
        verify(signing, call({"X-Hub-Signature-256": f"sha256={good}"}, b"body"))
        assert refused(signing, call({"X-Hub-Signature-256": good}, b"body")) == "webhook_unverified"
    assert headers_of(signing, call(body=b"body"))["X-Hub-Signature-256"].startswith("sha256=")


@pytest.mark.parametrize("signing", [TWILIO, HUBSPOT, STANDARD], ids=lambda s: s.scheme)
def test_nothing_forged_is_good(signing: Signing) -> None:
    own = call(body=b"body", now=NOW)
    made = sign(signing, own)
    headers = {n.decode(): v.decode() for n, v in made.headers} | {"webhook-id": ""}
    verify(signing, call(headers, b"body", url=made.url))
    for other in ("another", "", SECRET + " "):
        theirs = Signing(signing.scheme, (other,), *(getattr(signing, n) for n in signing.__slots__[2:]))
        assert refused(theirs, call(headers, b"body", url=made.url)) == "webhook_unverified"
    assert refused(signing, call({}, b"body", url=made.url)) == "webhook_unverified"
    assert refused(signing, call(headers, b"bodY", url=made.url)) == "webhook_unverified"


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "X-Twilio-Signature",
                "X-HubSpot-Signature-v3",
                "X-Signature",
                "X-HubSpot-Request-Timestamp",
                "X-Twilio-Webhooks-Signature-Settings",
            ]
        ),
        st.text(max_size=20),
    )
)
def test_any_fields_are_good_or_refused(headers: dict[str, str]) -> None:
    for scheme in SCHEMES:
        it = Signing(scheme, (SECRET,))
        assert refused(it, call(headers, b"x")) in ("webhook_unverified", "webhook_expired")
        assert fields_of(it)


def test_secrets_are_not_shown() -> None:
    assert SECRET not in repr(TWILIO)
