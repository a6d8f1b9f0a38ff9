"""Between the functions of the table of calls and the values of the wire, in both directions and on both sides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from csp_frontend import wire
from csp_frontend.calls import Answer, Argument, Call, Kind, Output, Parameter
from csp_frontend.wire import Value, WireError

_NUMBERS = (Kind.DWORD, Kind.BOOL, Kind.ALGORITHM, Kind.LENGTH, Kind.ROOM, Kind.RESERVED)
_HANDLES = (Kind.CONTEXT, Kind.KEY, Kind.HASH, Kind.VTABLE)
ON_THE_WIRE: Mapping[Kind, tuple[wire.Kind, ...]] = MappingProxyType(
    {
        **dict.fromkeys(_NUMBERS, (wire.Kind.NUMBER,)),
        **dict.fromkeys(_HANDLES, (wire.Kind.HANDLE,)),
        Kind.TEXT: (wire.Kind.TEXT, wire.Kind.NOTHING),
        Kind.WIDE_TEXT: (wire.Kind.TEXT, wire.Kind.NOTHING),
        Kind.BYTES: (wire.Kind.BYTES,),
        Kind.SET_DATA: (wire.Kind.BYTES, wire.Kind.NOTHING),
        Kind.BUFFER: (wire.Kind.NUMBER, wire.Kind.NOTHING),
        Kind.DATA: (wire.Kind.BYTES, wire.Kind.NOTHING),
        Kind.RANDOM: (wire.Kind.BYTES,),
    }
)
"""How each kind of input travels."""


def to_values(call: Call, arguments: Sequence[Argument]) -> tuple[Value, ...]:
    """What a client sends; WireError if the arguments are not those of the function."""
    if len(arguments) != len(call.inputs):
        raise WireError(f"{call.name} has {len(call.inputs)} parameters")
    return tuple(map(_to_value, call.inputs, arguments))


def to_arguments(call: Call, values: Sequence[Value]) -> list[Argument]:
    """What the agent calls the function with; WireError if number or kinds of the values are not the function's."""
    if len(values) != len(call.inputs):
        raise WireError(f"{call.name} with {len(values)} parameters")
    for parameter, value in zip(call.inputs, values, strict=True):
        if value.kind not in ON_THE_WIRE[parameter.kind]:
            raise WireError(f"{call.name} with {value.kind.name.lower()} for {parameter.name}")
    return [value.content for value in values]


def answer_values(answer: Answer) -> tuple[Value, ...]:
    """What the agent sends back when a function has succeeded."""
    if answer is None:
        return ()
    if isinstance(answer, Output):
        return (Value(kind=wire.Kind.NUMBER, content=answer.size), _bytes(answer.data))
    return (_bytes(answer) if isinstance(answer, bytes) else Value(kind=wire.Kind.HANDLE, content=answer),)


def size_values(size: int) -> tuple[Value, ...]:
    """What the agent sends back with an error: the size that the caller's buffer should have, if that is the error."""
    return (Value(kind=wire.Kind.NUMBER, content=size),) if size else ()


def to_answer(call: Call, values: Sequence[Value]) -> Answer:
    """The function's answer at the client; WireError if it is not of the function's kind."""
    kinds = {parameter.kind for parameter in call.parameters}
    got = tuple(value.kind for value in values)
    if kinds & {Kind.BUFFER, Kind.DATA}:
        if len(got) == 2 and got[0] is wire.Kind.NUMBER and got[1] in ON_THE_WIRE[Kind.DATA]:
            return Output(size=_number(values[0]), data=_data(values[1]))
    elif any(kind.is_answer for kind in kinds):
        if got == (wire.Kind.HANDLE,):
            return _number(values[0])
    elif Kind.RANDOM in kinds:
        if got == (wire.Kind.BYTES,):
            return _data(values[0])
    elif not got:
        return None
    raise WireError(f"an answer that is not one of {call.name}")


def to_size(values: Sequence[Value]) -> int:
    """The size that came with an error, 0 if none did."""
    if not values:
        return 0
    if len(values) != 1 or values[0].kind is not wire.Kind.NUMBER:
        raise WireError("an error with more than a size")
    return _number(values[0])


def to_bytes(values: Sequence[Value]) -> bytes:
    """The bytes that are the whole answer; WireError if it is another one."""
    if len(values) != 1 or not isinstance(values[0].content, bytes):
        raise WireError("an answer that is not bytes")
    return values[0].content


def _to_value(parameter: Parameter, argument: Argument) -> Value:
    kinds = ON_THE_WIRE[parameter.kind]
    if argument is None and wire.Kind.NOTHING in kinds:
        return wire.NOTHING
    return Value(kind=kinds[0], content=int(argument) if isinstance(argument, bool) else argument)


def _bytes(data: bytes | None) -> Value:
    return wire.NOTHING if data is None else Value(kind=wire.Kind.BYTES, content=data)


def _number(value: Value) -> int:
    assert isinstance(value.content, int)  # noqa: S101 - the kind says so
    return value.content


def _data(value: Value) -> bytes | None:
    assert value.content is None or isinstance(value.content, bytes)  # noqa: S101 - the kind says so
    return value.content
