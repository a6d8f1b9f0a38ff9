"""Steps to commands: which steps of an operation are sent, and the bytes of each (pure functions)."""

from __future__ import annotations

from typing import NamedTuple

from cardcore.apdu import CommandApdu
from cardcore.errors import InputError
from cardcore.profile.model import Algorithm, Operation, Step
from cardcore.profile.template import Literal, Node, Spans, Values, fact


class Rendered(NamedTuple):
    """A command ready to send; `secrets` are the (start, end) offsets of secret bytes within its data field."""

    apdu: CommandApdu
    secrets: tuple[tuple[int, int], ...] = ()


def applies(step: Step, values: Values) -> bool:
    """Whether the step is sent: each fact of its `when` has one of its values. InputError if a fact is not known."""
    return not step.when or all(fact(values, name) in allowed for name, allowed in step.when.items())


def names_of(operation: Operation) -> frozenset[str]:
    """The names that the templates of an operation use."""
    nodes: list[Node] = []
    for step in operation.steps:
        nodes += [step.cla, step.ins, step.p1, step.p2, *([] if step.data is None else [step.data])]
    return frozenset().union(*(node.names() for node in nodes))


def algorithm_values(algorithm: Algorithm, operation: Operation, known: Values) -> dict[str, bytes]:
    """The algorithm's `byte` and `oid` for the facts known; InputError if one has none, and the operation uses it."""
    found: dict[str, bytes] = {}
    for name, node in (("alg.byte", algorithm.byte), ("alg.oid", algorithm.oid)):
        if node is None:
            continue
        try:
            found[name] = node.render(known, [])
        except InputError:
            if name in names_of(operation):
                raise
    return found


def render(step: Step, values: Values) -> Rendered:
    """The command of a step; InputError if a value is missing or does not fit where it stands."""
    spans: Spans = []
    data = b"" if step.data is None else step.data.render(values, spans)
    apdu = CommandApdu(
        cla=_header_byte(step.cla, values, "CLA"),
        ins=_header_byte(step.ins, values, "INS"),
        p1=_header_byte(step.p1, values, "P1"),
        p2=_header_byte(step.p2, values, "P2"),
        data=data,
        le=step.le,
        extended=step.extended,
    )
    return Rendered(apdu=apdu, secrets=tuple(spans))


def _header_byte(node: Node, values: Values, field: str) -> int:
    if isinstance(node, Literal) and len(node.data) == 1:
        return node.data[0]
    spans: Spans = []
    data = node.render(values, spans)
    if spans:
        raise InputError(f"a secret cannot stand in {field} of a command")
    if len(data) != 1:
        raise InputError(f"{field} of a command is one byte, not {len(data)}")
    return data[0]
