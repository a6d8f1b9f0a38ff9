"""Write the C tables of the DLL from the tables that the agent itself goes by: numbers, limits, kinds, the exports.

Run: `.venv/bin/python tools/dll_tables.py`. A test holds the files against the tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from csp_frontend import agent_calls, endpoint, handshake, wire
from csp_frontend.calls import CALLS, SET_LENGTHS, Call, Kind, Length, Parameter

FOLDER = Path(__file__).resolve().parents[1] / "csp_frontend" / "dll"
_NOTE = "/* Made by tools/dll_tables.py from the tables in csp_frontend/. Do not edit. */"
_LIMITS: Mapping[str, int] = MappingProxyType(
    {
        "WIRE_VERSION": wire.VERSION,
        "WIRE_LOWEST_VERSION": handshake.LOWEST_VERSION,
        "WIRE_LENGTH_SIZE": wire.LENGTH_SIZE,
        "WIRE_NONCE_SIZE": wire.NONCE_SIZE,
        "WIRE_PROOF_SIZE": wire.PROOF_SIZE,
        "WIRE_PROCESS_SIZE": wire.PROCESS_SIZE,
        "WIRE_SECRET_SIZE": handshake.SECRET_SIZE,
        "WIRE_MESSAGE_SIZE": wire.MESSAGE_SIZE,
        "WIRE_MAX_FRAME": wire.MAX_FRAME,
        "WIRE_MAX_GREETING": wire.MAX_GREETING,
        "WIRE_MAX_VALUES": wire.MAX_VALUES,
        "WIRE_MAX_TEXT": wire.MAX_TEXT,
        "WIRE_BUSY": wire.BUSY,
    }
)
_TEXTS: Mapping[str, str] = MappingProxyType(
    {
        "WIRE_MAGIC": wire.MAGIC.decode(),
        "WIRE_AGENT_LABEL": handshake.AGENT_LABEL.decode().removesuffix("\0"),
        "WIRE_CLIENT_LABEL": handshake.CLIENT_LABEL.decode().removesuffix("\0"),
        "ENDPOINT_FOLDER": endpoint.APPLICATION,
        "ENDPOINT_FILE": endpoint.FILE_NAME,
        "ENDPOINT_ENVIRONMENT": endpoint.ENVIRONMENT,
    }
)
_FIELDS: Mapping[Kind, str] = MappingProxyType(
    {
        **dict.fromkeys((Kind.CONTEXT, Kind.KEY, Kind.HASH), "handle"),
        **dict.fromkeys((Kind.DWORD, Kind.ALGORITHM, Kind.ROOM), "number"),
        Kind.BOOL: "truth",
        Kind.TEXT: "text",
        Kind.WIDE_TEXT: "wide_text",
        Kind.VTABLE: "vtable",
        Kind.BYTES: "bytes",
        Kind.SET_DATA: "set_data",
        Kind.BUFFER: "buffer",
        Kind.DATA: "data",
        Kind.LENGTH: "length",
        Kind.RESERVED: "reserved",
        Kind.RANDOM: "data",
        **dict.fromkeys((Kind.NEW_CONTEXT, Kind.NEW_KEY, Kind.NEW_HASH), "made"),
    }
)
"""The member of `union argument` (call.h) in which a parameter of each kind travels."""


def header() -> str:
    """calls.h: what both ends have to agree about."""
    return _text(_header_lines())


def exports() -> str:
    """exports.c: the tables, and each exported function, which only puts its parameters into a row."""
    return _text(_export_lines())


def definition() -> str:
    """The module definition: the names exported, undecorated in 32-bit code too."""
    return "EXPORTS\n" + "".join(f"    {call.name}\n" for call in CALLS)


def files() -> dict[Path, str]:
    """Every file that is made, with its text."""
    return {
        FOLDER / "calls.h": header(),
        FOLDER / "exports.c": exports(),
        FOLDER / "personal-csp.def": definition(),
    }


def _text(lines: Iterable[str]) -> str:
    return "\n".join(lines) + "\n"


def _header_lines() -> Iterator[str]:
    yield from (_NOTE, "#ifndef PERSONAL_CSP_CALLS_H", "#define PERSONAL_CSP_CALLS_H", "", '#include "platform.h"', "")
    yield from (f"#define {name} {value}u" for name, value in _LIMITS.items())
    yield ""
    yield from (f'#define {name} "{value}"' for name, value in _TEXTS.items())
    yield ""
    yield from _enum("frame_type", {f"FRAME_{kind.name}": int(kind) for kind in wire.FrameType})
    yield from _enum("value_kind", {f"VALUE_{kind.name}": int(kind) for kind in wire.Kind})
    yield from _enum("parameter_kind", {f"PARAMETER_{kind.name}": None for kind in Kind})
    yield from _enum("set_length_kind", {f"LENGTH_{kind.name}": None for kind in Length})
    numbers = {_number_name(call): call.number for call in CALLS}
    numbers |= {f"AGENT_{own.name}": int(own) for own in agent_calls.AgentCall}
    yield from _enum("call_number", numbers)
    yield f"#define CALL_COUNT {len(CALLS)}u"
    yield f"#define CALL_MOST_PARAMETERS {max(len(call.parameters) for call in CALLS)}u"
    yield f"#define SET_LENGTH_COUNT {sum(map(len, SET_LENGTHS.values()))}u"
    yield from (
        "",
        "struct call {",
        "    WORD number;",
        "    BYTE asks;",
        "    BYTE count;",
        "    BYTE kinds[CALL_MOST_PARAMETERS];",
        "};",
    )
    yield from ("", "struct set_length {", "    WORD call;", "    DWORD parameter;", "    BYTE kind;", "};", "")
    yield "/* In the order of their numbers, which begin with 1. */"
    yield "extern const struct call CALLS[CALL_COUNT];"
    yield "extern const struct set_length SET_LENGTHS_BY_CALL[SET_LENGTH_COUNT];"
    yield ""
    yield from (f"{call.prototype};" for call in CALLS)
    yield from ("", "#endif")


def _enum(name: str, members: Mapping[str, int | None]) -> Iterator[str]:
    yield f"enum {name} {{"
    yield from (f"    {member}{'' if value is None else f' = {value:#x}'}," for member, value in members.items())
    yield from ("};", "")


def _number_name(call: Call) -> str:
    return f"CALL_{call.name}"


def _export_lines() -> Iterator[str]:
    yield from (_NOTE, '#include "calls.h"', '#include "call.h"', "")
    yield "const struct call CALLS[CALL_COUNT] = {"
    for call in CALLS:
        yield f"    {{{_number_name(call)},"
        yield f"     {int(call.asks)},"
        yield f"     {len(call.parameters)},"
        kinds = [f"PARAMETER_{parameter.kind.name}" for parameter in call.parameters]
        yield from _wrapped("     {", kinds, "}},")
    yield "};"
    yield ""
    yield "const struct set_length SET_LENGTHS_BY_CALL[SET_LENGTH_COUNT] = {"
    for name, lengths in SET_LENGTHS.items():
        for parameter, length in lengths.items():
            yield f"    {{CALL_{name}, {int(parameter)}, LENGTH_{length.name}}},"
    yield "};"
    for call in CALLS:
        yield from ("", f"{call.prototype}", "{")
        yield "    const union argument arguments[] = {"
        yield from (f"        {_argument(parameter)}," for parameter in call.parameters)
        yield from ("    };", "", f"    return call_function(&CALLS[{call.number - 1}], arguments);", "}")


def _wrapped(start: str, words: list[str], end: str) -> Iterator[str]:
    """Words with commas between, four to a line."""
    rows = [words[at : at + 4] for at in range(0, len(words), 4)]
    for number, row in enumerate(rows):
        last = number == len(rows) - 1
        yield f"{start if not number else ' ' * len(start)}{', '.join(row)}{end if last else ','}"


def _argument(parameter: Parameter) -> str:
    name, field = parameter.name, _FIELDS[parameter.kind]
    if field in ("bytes", "buffer"):
        return f"{{.{field} = {{{name}, {name}_size}}}}"
    return f"{{.{field} = {name}}}"


def main() -> None:
    """Write the files."""
    for path, text in files().items():
        path.write_text(text, encoding="ascii", newline="\n")


if __name__ == "__main__":
    main()
