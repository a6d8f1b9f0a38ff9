"""What a person or a script writes for the parameters of a function, and what is shown of its answer."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterable, Mapping
from enum import IntEnum, IntFlag
from pathlib import Path
from typing import Any

from csp_frontend import constants
from csp_frontend.calls import BY_NAME, Answer, Argument, Call, Kind, Output, Parameter
from csp_frontend.command.root import UsageProblem
from csp_frontend.constants import SetPp
from csp_frontend.wire import MESSAGE_SIZE

_BYTES = (Kind.BYTES, Kind.SET_DATA, Kind.DATA, Kind.RANDOM)
_TEXTS = (Kind.TEXT, Kind.WIDE_TEXT)
_OWN_WORDS = frozenset({"call", "as", "out"})
_SECRET_PARAMETERS = frozenset({SetPp.PP_KEYEXCHANGE_PIN, SetPp.PP_SIGNATURE_PIN, SetPp.PP_ADMIN_PIN})


class Arguments:
    """Turns the words of a step into a function and its arguments; keeps handles by name."""

    def __init__(self) -> None:
        self._handles: dict[str, int] = {}
        self._names = dict(_constants())

    def of(self, step: Mapping[str, Any]) -> tuple[Call, list[Argument]]:
        """The function and its arguments; UsageProblem for what cannot be used."""
        function = BY_NAME.get(step["call"])
        if function is None:
            raise UsageProblem(f"there is no function {step['call']}; there are {', '.join(BY_NAME)}")
        known = {parameter.name for parameter in function.inputs} | _OWN_WORDS
        for name in step:
            if name not in known:
                raise UsageProblem(f"{function.name} has no parameter {name}; it has {', '.join(sorted(known))}")
        secret = function.name == "CPSetProvParam" and self._number(step.get("parameter", 0)) in _SECRET_PARAMETERS
        values = {
            parameter.name: self._value(parameter, step, secret=secret and parameter.kind is Kind.SET_DATA)
            for parameter in function.inputs
        }
        data = values.get("data")
        if "length" in values and "length" not in step and isinstance(data, bytes):
            values["length"] = len(data)
        return function, list(values.values())

    def take(self, step: Mapping[str, Any], answer: Answer) -> dict[str, object]:
        """What is shown of an answer; a handle is kept under its name, data goes into a file if one is named."""
        if isinstance(answer, int):
            if "as" in step:
                self._handles[step["as"]] = answer
            return {"handle": answer}
        if answer is None:
            return {}
        data = answer.data if isinstance(answer, Output) else answer
        shown: dict[str, object] = {"size": answer.size if isinstance(answer, Output) else len(answer)}
        if data is not None and "out" in step:
            Path(step["out"]).write_bytes(data)
        elif data is not None:
            shown["data"] = data.hex()
            text = data.rstrip(b"\0")
            if text and text.isascii() and text.decode("ascii").isprintable():
                shown["text"] = text.decode("ascii")
        return shown

    def _value(self, parameter: Parameter, step: Mapping[str, Any], *, secret: bool) -> Argument:
        kind = parameter.kind
        if parameter.name not in step:
            return _default(kind)
        value = step[parameter.name]
        if kind in _BYTES:
            return None if value is None else _bytes(str(value), parameter.name, secret=secret)
        if kind in _TEXTS:
            return None if value is None else str(value)
        if kind is Kind.BUFFER and value is None:
            return None
        return self._number(value)

    def _number(self, value: object) -> int:
        """A number, a constant, several of them with `|` between, or a handle by its name."""
        if isinstance(value, int):
            return int(value)
        text = str(value)
        if text.startswith("@"):
            if text[1:] not in self._handles:
                raise UsageProblem(f"no call before this one kept a handle as {text[1:]}")
            return self._handles[text[1:]]
        found = 0
        for word in text.split("|"):
            found |= self._names[word] if word in self._names else _plain_number(word)
        return found


def _constants() -> Iterable[tuple[str, int]]:
    for kind in vars(constants).values():
        if isinstance(kind, type) and issubclass(kind, IntEnum | IntFlag) and kind.__module__ == constants.__name__:
            yield from ((name, int(member)) for name, member in kind.__members__.items())
    yield from ((name, value) for name, value in vars(constants).items() if name.isupper() and isinstance(value, int))


def _plain_number(word: str) -> int:
    try:
        number = int(word, 0)
    except ValueError:
        number = -1
    if not 0 <= number <= 0xFFFFFFFFFFFFFFFF:
        raise UsageProblem(f"{word} is neither a number nor a constant of docs/csp.md")
    return number


def _default(kind: Kind) -> Argument:
    if kind is Kind.BUFFER or kind is Kind.ROOM:
        return MESSAGE_SIZE
    if kind in (*_TEXTS, Kind.SET_DATA, Kind.DATA):
        return None
    return b"" if kind in _BYTES else 0


def _bytes(value: str, name: str, *, secret: bool) -> bytes:
    kind, _, place = value.partition(":")
    if secret and kind not in ("env", "file", "prompt"):
        raise UsageProblem("a PIN comes from env:VAR, file:PATH or prompt; other programs can see arguments")
    try:
        if kind == "hex":
            return bytes.fromhex(place)
        if kind == "text":
            return place.encode()
        if kind == "file":
            data = Path(place).read_bytes()
            return data.rstrip(b"\r\n") if secret else data
        if kind == "env":
            return os.environ[place].encode()
        if value == "prompt":
            return getpass.getpass(f"{name}: ").encode()
    except OSError as error:
        raise UsageProblem(f"cannot read {place}: {error.strerror}") from error
    except (KeyError, ValueError) as error:
        raise UsageProblem(f"there is nothing usable in {kind}:...") from error
    raise UsageProblem(f"{name} has to be hex:..., text:..., file:PATH, env:VAR or prompt")
