"""The rows of what is made to fail are complete."""

from typing import get_args

from gateway.audit.record import Log
from gateway.codecs.encodings import CODINGS
from gateway.codecs.program import Codec
from gateway.codecs.table import CODECS
from gateway.contacts.model import Registry
from gateway.exchange.commands import Command
from gateway.masking import table as masking
from tests.faultrows import CODEC_ROWS, COMMAND_ROWS, OPERATOR_ROWS
from tests.faulttraffic import BODIES

# ---- the table is complete --------------------------------------------------------------------------------


def test_every_command_has_a_row() -> None:
    assert {command.__name__ for command in get_args(Command)} == set(COMMAND_ROWS)


def test_every_codec_has_its_rows() -> None:
    names = {row.name for row in CODEC_ROWS}
    methods = {name for name, what in vars(Codec).items() if callable(what) and not name.startswith("_")}
    shown = ("application/json", *BODIES)
    assert {id(codec) for codec in CODECS.values()} == {id(CODECS[kind]) for kind in shown}, (
        "a codec without rows"
    )
    assert {f"{kind}.transform" for kind in BODIES} <= names
    assert {f"JSON.{method}" for method in methods} <= names
    # only answers are transformed
    assert {f"{name}.{method}" for name in ("FORM", "QUERY") for method in methods - {"transform"}} <= names


def test_every_operator_has_a_row() -> None:
    assert {f"operator {op}" for op in masking.OPERATORS} == {row.name for row in OPERATOR_ROWS}


def test_every_method_of_the_stores_is_broken_somewhere() -> None:
    """`ready` and `close` are no part of an exchange; health and shutdown have their own tests."""
    for protocol, used in ((Registry, {"standings"}), (Log, {"append"})):
        methods = {
            name for name, what in vars(protocol).items() if callable(what) and not name.startswith("_")
        }
        assert methods == used | {"ready", "close"}


def test_every_coding_is_one_the_answer_side_asks_for() -> None:
    assert {b"gzip", b"deflate"} <= set(CODINGS)
