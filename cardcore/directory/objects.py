"""Data objects by name or identifier, as every directory reads and writes them."""

from __future__ import annotations

from cardcore.errors import InputError, ReplyError
from cardcore.profile.template import Value
from cardcore.secret import Secret
from cardcore.session import Session


def identifier(session: Session, name: str) -> bytes:
    """The identifier of an object that is named in the profile or given in hexadecimal."""
    known = session.profile.objects
    if name in known:
        return known[name]
    try:
        found = bytes.fromhex(name)
    except ValueError:
        found = b""
    if not found:
        raise InputError(f"unknown object {name}", hint=f"Use {', '.join(known)}, or the identifier in hexadecimal.")
    return found


def object_values(object_id: bytes) -> dict[str, Value | Secret]:
    """The names under which operations know an object: whole, and in the parts that command headers want."""
    low = object_id[1:2] or object_id
    high = object_id[:1] if len(object_id) > 1 else b""
    parts = {"object.high": high, "object.low": low, "object.index": object_id[2:3]}
    return {"object": object_id, **{name: int.from_bytes(part) for name, part in parts.items()}}


def read_object(session: Session, object_id: bytes) -> bytes:
    """The data field that the profile's `read` operation returns; NotFound if the object is absent."""
    result = session.run("read", object_values(object_id))
    if not isinstance(result, bytes):
        raise ReplyError("the profile's read operation gives no bytes")
    return result


def write_object(session: Session, object_id: bytes, content: bytes) -> None:
    """Replace an object with the profile's `write` operation."""
    session.run("write", {**object_values(object_id), "content": content})
