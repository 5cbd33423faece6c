"""XML: exact bytes where nothing changed, one meaning for every reader, and nothing that expands."""

import os
import re
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ParseError, fromstring, tostring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.codecs.program import REMOVED, Limits, Masker, Program, Slot, Tally
from gateway.codecs.xml import XML, XmlCodec
from gateway.codecs.xmlpaths import compile_xml
from gateway.errors import InternalError, PayloadError
from gateway.masking.detect import redact_all

ROOT = Path(__file__).parents[2]
CORPORA = Path(os.environ.get("HUSHGATE_CORPORA", ROOT.parent / "shared/corpora"))
LIMITS = Limits()


def masked(value: str) -> Masker:
    return lambda _: value


def program(*slots: tuple[str, Masker | None], unmapped: Masker | None = None, who: str = "") -> Program:
    made = [Slot(path, "user", mask=mask, subject="phone" if path == who else None) for path, mask in slots]
    return compile_xml(made, unmapped)


def run(body: bytes, it: Program, *drop: int, charset: str | None = None) -> tuple[bytes, Tally]:
    codec = XmlCodec(charset)
    tally = Tally.of(it)
    return codec.dump(codec.rewrite(codec.parse(body, LIMITS), it, tally, drop)), tally


# ---- values and where they stand ------------------------------------------------------------------------

TWIML = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<Response xmlns:x="urn:x">\n'
    b"  <Dial callerId=\"+1&#9;2\" timeout='10'>\n    <Number> +336<!-- c -->123<![CDATA[4567]]>8 </Number>"
    b"<Number>+4412</Number>\n  </Dial><x:Body q='a'>hey &amp; you</x:Body>"
    b"<Gone/><Gone a='1'>x</Gone>\n</Response>\n"
)


@pytest.mark.parametrize(
    ("path", "mask", "old", "new"),
    [
        ("Response/Dial/@callerId", masked('a"<&\n'), b'"+1&#9;2"', b'"a&quot;&lt;&amp;&#10;"'),
        ("Response/Dial/@callerId", lambda v: v, b"", b""),
        ("Response/Dial/@timeout", masked("9"), b"timeout='10'", b'timeout="9"'),
        ("Response/Dial/@timeout", lambda _: REMOVED, b" timeout='10'", b""),
        ("**/Number", masked("]]>"), b"> +336<!-- c -->123<![CDATA[4567]]>8 <", b"> ]]&gt; <"),
        ("Response/Body/text()", masked("a<b"), b"hey &amp; you", b"a&lt;b"),
        ("Response/Body/text()", masked("\r"), b"hey &amp; you", b"&#13;"),
        ("Response/Body/text()", lambda _: None, b"hey &amp; you", b""),
        ("Response/Body/text()", masked("\x00"), b"hey &amp; you", "\ufffd".encode()),
        ("Response/Gone", lambda _: REMOVED, b"<Gone a='1'>x</Gone>", b""),
        ("Response/Gone/@a", lambda _: REMOVED, b" a='1'", b""),
        ("Response/*/@q", masked("b"), b"q='a'", b'q="b"'),
    ],
)
def test_only_what_is_masked_changes(path: str, mask: Masker, old: bytes, new: bytes) -> None:
    out, _ = run(TWIML, program((path, mask)))
    if path == "**/Number":
        out = out.replace(b"<Number>]]&gt;</Number>", b"<Number>+4412</Number>")
    assert out == TWIML.replace(old, new)


def test_what_a_value_is() -> None:
    seen: list[Any] = []

    def note(value: Any) -> Any:
        seen.append(value)
        return value

    out, tally = run(TWIML, program(unmapped=note))
    assert out == TWIML and tally.unmapped == 0
    assert seen == ["+1\t2", "10", "+33612345678", " c ", "+4412", "a", "hey & you", "1", "x"]
    seen.clear()
    run(b"<a b='x\r\n\ty&#10;&#x41;'>1\r2&lt;\r\n3</a>", program(unmapped=note))
    assert seen == ["x  y\nA", "1\n2<\n3"]


def test_a_path_takes_in_all_that_no_longer_path_selects() -> None:
    it = program(("$", masked("$")), ("a/b", masked("b")), ("a/b/text()", masked("t")), ("a/b/@c", None))
    body = b"<a x='1'>2<b y='3' c='4'>5<d>6</d></b></a>"
    out, tally = run(body, it)
    assert out == b'<a x="$">$<b y="b" c=\'4\'>t<d>b</d></b></a>'
    assert tally.seen == [2, 2, 1, 1] and tally.masked == [2, 2, 1, 0]


def test_names_count_without_their_prefix_and_declarations_are_structure() -> None:
    body = b"<s:E xmlns:s='urn:s' xmlns='urn:d'><s:Body s:to='1'>2</s:Body><Body>3</Body></s:E>"
    out, _ = run(body, program(("E/Body", masked("*")), unmapped=redact_all))
    assert out == b"<s:E xmlns:s='urn:s' xmlns='urn:d'><s:Body s:to=\"*\">*</s:Body><Body>*</Body></s:E>"


def test_comments_go_where_their_text_would_be_changed() -> None:
    body = b"<!-- ana --><a><!--x--><b>1<!----></b></a><!-- end -->"
    assert run(body, program(unmapped=redact_all))[0] == b"<a><b>[redacted]</b></a>"
    assert run(body, program(("a/b", None), unmapped=redact_all))[0] == b"<a><b>1<!----></b></a>"
    assert run(body, program())[0] == body


def test_a_root_stays_even_when_it_is_removed() -> None:
    assert run(b"<a>x</a>", program(("a", lambda _: REMOVED)))[0] == b"<a></a>"
    assert run(b"<a><b>x<c/></b></a>", program(("a/b", lambda _: REMOVED)))[0] == b"<a><b><c/></b></a>"


# ---- people ---------------------------------------------------------------------------------------------


def found(body: bytes, path: str) -> list[tuple[str, bool]]:
    it = program((path, None), who=path)
    return [(f.value, f.droppable) for f in XML.find(XML.parse(body, LIMITS), it)]


def test_people_are_found_and_left_out_with_the_nearest_repeated_element() -> None:
    body = b"<l><m><to k='9'>1</to><n/></m> <m><to>2</to><n/></m></l>"
    assert found(body, "l/m/to") == [("1", True), ("2", True)]
    out, tally = run(body, program(("l/m/to", None), who="l/m/to"), 0)
    assert out == b"<l> <m><to>2</to><n/></m></l>"
    assert tally.subjects == [(0, "2")] and tally.seen == [1]
    assert found(b"<m><cc>1</cc><cc>2</cc><to>3</to></m>", "m/*") == [("1", True), ("2", True), ("3", False)]
    assert found(b"<m to='1'/>", "m/@to") == [("1", False)]
    for ordinal in (-1, 1, 5):
        with pytest.raises(InternalError):
            run(
                b"<m><to>3</to><to>4</to></m><!-- -->".replace(b"<to>4</to>", b""),
                program(("m/to", None), who="m/to"),
                ordinal,
            )


def test_a_person_whose_name_readers_would_not_agree_on_is_refused() -> None:
    assert found(b"<m><to>+336<!-- -->12<![CDATA[34]]></to></m>", "m/to") == [("+3361234", False)]
    with pytest.raises(PayloadError):
        found(b"<m><to>+336<b/>1234</to></m>", "m/to")


# ---- encodings ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encoding", "label", "declared"),
    [
        ("utf-8", None, "utf-8"),
        ("utf-8-sig", None, ""),
        ("utf-8-sig", "UTF-8", "UTF-8"),
        ("utf-16", None, "UTF-16"),
        ("utf-16", "utf-16", ""),
        ("iso-8859-1", None, "ISO-8859-1"),
        ("iso-8859-1", "latin1", ""),
        ("windows-1252", "windows-1252", "windows-1252"),
        ("ascii", None, "us-ascii"),
    ],
)
def test_a_body_is_written_in_the_encoding_it_came_in(
    encoding: str, label: str | None, declared: str
) -> None:
    said = f'<?xml version="1.0" encoding="{declared}"?>' if declared else ""
    text = f"{said}<a><b>é</b><c>ok</c></a>".replace("é", "e" if encoding == "ascii" else "é")
    body = text.encode(encoding)
    assert run(body, program(), charset=label)[0] == body
    out, _ = run(body, program(("a/c", masked("ż"))), charset=label)
    shown = "ż" if encoding.startswith("utf") else "&#380;"
    assert out == text.replace("ok", shown).encode(encoding)


@pytest.mark.parametrize(
    ("body", "label"),
    [
        ("<a/>".encode("utf-16-le"), None),
        (b'<?xml version="1.0" encoding="utf-16"?><a/>', None),
        (b'<?xml version="1.0" encoding="latin1"?><a/>', "utf-8"),
        ('<?xml version="1.0" encoding="utf-8"?><a/>'.encode("utf-16"), None),
        (b'<?xml version="1.0" encoding="utf-7"?><a/>', None),
        (b"\xef\xbb\xbf<a/>", "latin1"),
        (b"<a>\xe9</a>", None),
        (b"<a/>", "ebcdic"),
        ("<a/>".encode("utf-32"), None),
    ],
)
def test_a_body_that_lies_about_its_encoding_is_refused(body: bytes, label: str | None) -> None:
    with pytest.raises(PayloadError):
        run(body, program(), charset=label)


# ---- bad input ------------------------------------------------------------------------------------------

LAUGHS = b'<!DOCTYPE l [<!ENTITY a "secret"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;">]><l>&b;</l>'
BAD: dict[str, bytes] = {
    "entity bomb": LAUGHS,
    "document type": b"<!DOCTYPE html><a/>",
    "external entity": b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
    "external subset": b'<!DOCTYPE a SYSTEM "http://x.example/a.dtd"><a/>',
    "parameter entity": b'<!DOCTYPE a [<!ENTITY % p SYSTEM "x"> %p;]><a/>',
    "document type in lower case": b"<!doctype a><a/>",
    "entity without a declaration": b"<a>&secret;</a>",
    "entity in an attribute": b"<a b='&secret;'/>",
    "processing instruction": b"<?xml-stylesheet href='secret'?><a/>",
    "processing instruction within": b"<a><?php secret ?></a>",
    "declaration within": b"<a><?xml version='1.0'?></a>",
    "XML 1.1": b"<?xml version='1.1'?><a/>",
    "XInclude of an unbound prefix": b"<a><xi:include href='secret'/></a>",
    "nothing": b"",
    "text alone": b"secret",
    "two roots": b"<a/><b/>",
    "text after the root": b"<a/>secret",
    "truncated in a tag": b"<a><secret",
    "truncated in text": b"<a>secret",
    "truncated in a comment": b"<a><!-- secret",
    "truncated in CDATA": b"<a><![CDATA[secret",
    "truncated in an attribute": b"<a b='secret",
    "wrong end": b"<a><b>secret</a></b>",
    "end tag with an attribute": b"<a></a b='secret'>",
    "repeated attribute": b"<a b='1' b='secret'/>",
    "one attribute by two prefixes": b"<a xmlns:p='u' xmlns:q='u' p:b='1' q:b='secret'/>",
    "attributes without a blank": b"<a b='1'c='secret'/>",
    "attribute without quotes": b"<a b=secret/>",
    "less-than in an attribute": b"<a b='<secret'/>",
    "end of CDATA in text": b"<a>]]></a>",
    "two hyphens in a comment": b"<a><!-- -- --></a>",
    "control character": b"<a>\x01</a>",
    "reference to a control character": b"<a>&#1;</a>",
    "NUL": b"<a>\0</a>",
    "blank before the declaration": b" <?xml version='1.0'?><a/>",
    "blank of another kind in a tag": "<a\u00a0b='secret'/>".encode(),
    "element type nobody closes": b"<a>" * 50,
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_and_its_place_named(name: str) -> None:
    with pytest.raises(PayloadError) as caught:
        XML.parse(BAD[name], LIMITS)
    assert caught.value.reason == "unparseable_body"
    assert re.fullmatch(r"body(, line [0-9]+)?", caught.value.place)
    assert "secret" not in str(caught.value)


def test_nesting_and_size_are_bounded() -> None:
    deep = b"<a>" * 100 + b"</a>" * 100
    XML.parse(deep, LIMITS)
    with pytest.raises(PayloadError, match=r"line 1: .*deeper"):
        XML.parse(b"<a>" + deep + b"</a>", LIMITS)
    with pytest.raises(PayloadError) as caught:
        XML.parse(deep, Limits(max_body=10))
    assert caught.value.reason == "body_too_large"


@pytest.mark.parametrize(
    "piece", [b"<a ", b"<a b='", b"<!--", b"<![CDATA[", b"</", b"&", b"<a b=''", b"<a\t\t"]
)
def test_what_never_ends_takes_no_time_to_refuse(piece: bytes) -> None:
    with pytest.raises(PayloadError):
        XML.parse(b"<r>" + piece * (200_000 // len(piece)), LIMITS)


@given(st.binary(max_size=60) | st.text(alphabet="<>/=a b'\"!-[]?&;#x1:", max_size=40).map(str.encode))
def test_any_bytes_give_a_document_or_our_error(body: bytes) -> None:
    try:
        document = XML.parse(body, LIMITS)
    except PayloadError:
        return
    assert XML.dump(XML.rewrite(document, (it := program()), Tally.of(it))) == body
    fromstring(body)


# ---- any document ---------------------------------------------------------------------------------------

_names = st.sampled_from(["a", "b", "to", "x:a", "name-1"])
_texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"]), max_size=8)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("'", "&#39;")


def _tag(name: str, attribute: str | None, inside: list[str]) -> str:
    said = "" if attribute is None else f" k='{_escaped(attribute)}'"
    return f"<{name}{said}>{''.join(inside)}</{name}>" if inside else f"<{name}{said} />"


_pieces = st.one_of(
    _texts.map(_escaped),
    _texts.filter(lambda t: "]]>" not in t).map(lambda t: f"<![CDATA[{t}]]>"),
    _texts.filter(lambda t: "-" not in t).map(lambda t: f"<!--{t}-->"),
)
_elements = st.recursive(
    st.builds(_tag, _names, st.none() | _texts, st.lists(_pieces, max_size=3)),
    lambda below: st.builds(_tag, _names, st.none() | _texts, st.lists(below | _pieces, max_size=4)),
    max_leaves=8,
)
documents = _elements.map(lambda e: f"<r xmlns:x='urn:x'>{e}</r>".encode())


@given(documents)
def test_nothing_touched_is_nothing_changed(body: bytes) -> None:
    for it in (program(), program(("r", None)), program(("**/to", lambda v: v), unmapped=lambda v: v)):
        assert run(body, it)[0] == body


def _meaning(element: Element) -> Any:
    return (
        element.tag,
        element.attrib,
        (element.text or "").strip(" \t\r\n"),
        [(_meaning(e), (e.tail or "").strip(" \t\r\n")) for e in element],
    )


def _redacted(element: Element) -> None:
    """What a reader of the whole document would do."""
    for key in element.attrib:
        element.attrib[key] = "[x]"
    element.text = "[x]" if (element.text or "").strip(" \t\r\n") else element.text
    for each in element:
        each.tail = "[x]" if (each.tail or "").strip(" \t\r\n") else each.tail
        _redacted(each)


@given(documents)
def test_masking_all_means_what_another_parser_would_make_of_it(body: bytes) -> None:
    out, _ = run(body, program(unmapped=masked("[x]")))
    theirs = fromstring(body)
    _redacted(theirs)
    assert _meaning(fromstring(out)) == _meaning(theirs)
    assert b"<!--" not in out


SECRET = "Zq7secretZq7"


@given(documents, st.data())
def test_no_seeded_secret_comes_out(body: bytes, data: st.DataObject) -> None:
    """A secret at any place where a value can be, whole or in pieces, is gone; the rest means the same."""
    text = body.decode()
    places = [m.end() for m in re.finditer(r"<(?:to|b)(?: k='[^']*')?>", text)]
    if not places:
        return
    at = data.draw(st.sampled_from(places))
    end = text.index("<", at)
    written = data.draw(
        st.sampled_from(
            [
                SECRET,
                f"<![CDATA[{SECRET}]]>",
                "Zq7sec<!-- -->retZq7",
                "".join(f"&#{ord(c)};" for c in SECRET),
            ]
        )
    )
    seeded = (text[:at] + written + text[end:]).encode()
    try:
        fromstring(seeded)
    except ParseError:  # cut through CDATA or a comment
        return
    for it in (program(("**/to", masked("*")), ("**/b", masked("*"))), program(unmapped=redact_all)):
        out, _ = run(seeded, it)
        plain = tostring(fromstring(out), encoding="unicode")
        assert SECRET not in plain and SECRET.encode() not in out and b"Zq7sec" not in out


@pytest.mark.skipif(not (CORPORA / "xml").is_dir(), reason="the corpus of XML attacks is not here")
def test_attacks_of_the_corpus_are_refused() -> None:
    files = [f for f in (CORPORA / "xml").rglob("*.xml") if b"<!DOCTYPE" in f.read_bytes()]
    assert files
    for file in files:
        with pytest.raises(PayloadError):
            XML.parse(file.read_bytes(), LIMITS)
