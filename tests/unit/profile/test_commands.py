"""Steps to commands: conditions, header bytes, and what cannot be sent."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cardcore.errors import InputError
from cardcore.profile.commands import Rendered, algorithm_values, applies, render
from cardcore.profile.model import Algorithm, Operation, Step
from cardcore.profile.template import DataObject, Join, Literal, Name, Table
from cardcore.secret import Secret

ZERO = Literal(data=b"\0")
STEP = Step(cla=ZERO, ins=Literal(data=b"\x20"), p1=ZERO, p2=ZERO)


def test_applies() -> None:
    step = replace(STEP, when={"key.kind": frozenset({"rsa"}), "key.size": frozenset({1024, 2048})})
    assert applies(STEP, {})
    assert applies(step, {"key.kind": "rsa", "key.size": 2048})
    assert not applies(step, {"key.kind": "rsa", "key.size": 4096})
    assert not applies(step, {"key.kind": "ec", "key.size": 2048})
    for values in ({}, {"key.kind": Secret(b"rsa")}):
        with pytest.raises(InputError, match=r"\$key.kind is not known"):
            applies(step, values)


def test_render() -> None:
    block = Join(parts=(Literal(data=b"\1"), DataObject(tag=b"\x80", value=Name(name="pin.block")), Name(name="tail")))
    step = replace(STEP, p2=Name(name="pin.ref"), data=DataObject(tag=b"\x7f\x49", value=block), le=0, extended=True)
    rendered = render(step, {"pin.ref": 0x80, "pin.block": Secret(b"1234"), "tail": Secret(b"5")})
    assert rendered.apdu.encode() == bytes.fromhex("00200080 00000B 7F4908 01 8004 31323334 35 0000")
    assert rendered.secrets == ((6, 10), (10, 11))
    assert render(STEP, {}) == Rendered(apdu=rendered.apdu.__class__(ins=0x20))


def test_header_out_of_names_and_tables() -> None:
    table = Table(by="op", entries={"sign": Literal(data=b"\x05")})
    step = replace(STEP, p1=table, p2=Name(name="alg.byte"))
    apdu = render(step, {"op": "sign", "alg.byte": b"\x07"}).apdu
    assert (apdu.p1, apdu.p2) == (5, 7)
    assert table.names() == {"op"}
    with pytest.raises(InputError, match="no entry for op = 'decipher'"):
        render(step, {"op": "decipher", "alg.byte": b"\x07"})


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (b"", "P2 of a command is one byte, not 0"),
        (b"\1\2", "P2 of a command is one byte, not 2"),
        (Secret(b"1"), "a secret cannot stand in P2"),
        (256, "cannot stand in a command"),
        ("rsa", "cannot stand in a command"),
        (None, "was not given"),
    ],
)
def test_what_cannot_stand_in_a_header(value: bytes | Secret | int | str | None, message: str) -> None:
    values = {} if value is None else {"x": value}
    with pytest.raises(InputError, match=message):
        render(replace(STEP, p2=Name(name="x")), values)


def test_names_of_templates() -> None:
    node = Join(parts=(ZERO, DataObject(tag=b"\x80", value=Name(name="a")), Table(by="b", entries={1: Name(name="c")})))
    assert node.names() == {"a", "b", "c"}
    assert node.render({"a": 1, "b": 1, "c": b"\x09"}, []) == bytes.fromhex("0080010109")


def test_an_algorithms_identifier_counts_where_it_is_used() -> None:
    byte = Table(by="op", entries={"sign": Literal(data=b"\x05")})
    algorithm = Algorithm(name="rsa", types=("rsa2048",), byte=byte, oid=Literal(data=b"\x2a"))
    using = Operation(name="generate", steps=(replace(STEP, p1=Name(name="alg.byte")),))
    not_using = Operation(name="generate", steps=(replace(STEP, data=Name(name="alg.oid")),))
    assert algorithm_values(algorithm, using, {"op": "sign"}) == {"alg.byte": b"\x05", "alg.oid": b"\x2a"}
    assert algorithm_values(algorithm, not_using, {"op": "generate"}) == {"alg.oid": b"\x2a"}
    with pytest.raises(InputError, match="no entry for op"):
        algorithm_values(algorithm, using, {"op": "generate"})
    assert algorithm_values(Algorithm(name="ec", types=("ecp256",)), using, {"op": "sign"}) == {}
