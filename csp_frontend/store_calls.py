"""The helper's call on the wire: thumbprints of each store and the one refused go in, an order comes out."""

from __future__ import annotations

from collections.abc import Sequence

from csp_frontend.certificates import THUMBPRINT_SIZE, Entry, Order, Store
from csp_frontend.wire import Kind, Value, WireError

MOST = 4096
"""More of our certificates than these in one store are nobody's tokens."""


def to_report(values: Sequence[Value]) -> tuple[list[list[bytes]], bytes]:
    """What a helper told: the thumbprints of each store, and the one that was refused. WireError if it is none."""
    if len(values) != len(Store) + 1 or any(value.kind is not Kind.BYTES for value in values):
        raise WireError("a report of the stores of another form")
    *stores, refused = (value.content if isinstance(value.content, bytes) else b"" for value in values)
    if len(refused) not in (0, THUMBPRINT_SIZE):
        raise WireError("a thumbprint of another size")
    return [_thumbprints(data) for data in stores], refused


def _thumbprints(data: bytes) -> list[bytes]:
    if len(data) % THUMBPRINT_SIZE or len(data) > MOST * THUMBPRINT_SIZE:
        raise WireError("thumbprints of another size")
    return [data[start : start + THUMBPRINT_SIZE] for start in range(0, len(data), THUMBPRINT_SIZE)]


def order_values(order: Order) -> tuple[Value, ...]:
    """An order as it goes to the helper."""
    entry = order.entry or Entry(store=order.store, certificate=b"")
    return (
        Value(kind=Kind.NUMBER, content=int(order.action)),
        Value(kind=Kind.NUMBER, content=int(order.store)),
        Value(kind=Kind.BYTES, content=order.thumbprint),
        Value(kind=Kind.BYTES, content=entry.certificate),
        Value(kind=Kind.TEXT, content=entry.container),
        Value(kind=Kind.NUMBER, content=entry.key_spec),
        Value(kind=Kind.TEXT, content=_printable(entry.friendly_name)),
    )


def _printable(text: str) -> str:
    """A name without what a text on the wire cannot hold; cards' labels are whatever they are."""
    return "".join(character for character in text if character.isprintable())[:200]
