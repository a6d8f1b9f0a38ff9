"""Commands and replies in words: names, BER-TLV trees, status words."""

from __future__ import annotations

from cardcore.errors import ReplyError

HIDDEN = "**"
_LINE_BYTES = 32
_FILLER = 0x00  # no tag, but what is between and behind data objects (ISO 7816-4:2020, 6.3)

Node = dict[str, object]


def tlv_tree(data: bytes) -> list[Node] | None:
    """The BER-TLV objects in `data` for JSON, None if it holds none or something else, as an empty file does."""
    from cardcore import tlv

    try:
        items = tlv.parse(data)
        sum(1 for _ in tlv.walk(data))
    except ReplyError:
        return None
    if any(item.tag == _FILLER for item in items):
        return None
    return [_node(item.tag, item.value, item.constructed) for item in items] or None


def _node(tag: int, value: bytes, constructed: bool) -> Node:
    children = tlv_tree(value) if constructed else None
    return {
        "tag": _hex_tag(tag),
        "length": len(value),
        "value": None if children else value.hex(),
        "children": children,
    }


def _hex_tag(tag: int) -> str:
    digits = f"{tag:X}"
    return digits.rjust(len(digits) + len(digits) % 2, "0")


def tlv_lines(data: bytes) -> list[str]:
    """The BER-TLV objects in `data`, one per line, indented; none if it holds something else."""
    from cardcore import tlv

    if tlv_tree(data) is None:
        return []
    lines = []
    for depth, item in tlv.walk(data):
        head = f"{'  ' * depth}{_hex_tag(item.tag)}"
        shown = (
            f"({len(item.value)} bytes)" if item.constructed else f"{abbreviated(item.value)}{_printable(item.value)}"
        )
        lines.append(f"{head} {shown}".rstrip())
    return lines


def abbreviated(data: bytes) -> str:
    """Bytes in hexadecimal; of many only the first, and how many there are."""
    if len(data) <= _LINE_BYTES:
        return data.hex().upper()
    return f"{data[:_LINE_BYTES].hex().upper()}... ({len(data)} bytes)"


def _printable(data: bytes) -> str:
    """What the bytes spell, if they spell something."""
    if len(data) < 4 or not all(0x20 <= byte < 0x7F for byte in data):
        return ""
    return f'  "{data[: _LINE_BYTES * 2].decode("ascii")}"'


def describe(command: str, response: str, microseconds: int) -> Node:
    """One exchange for JSON: both in hexadecimal, `**` for each hidden byte."""
    from cardcore.sw import meaning

    sw = int(response[-4:], 16)
    return {
        "name": command_name(command),
        "command": command.upper(),
        "response": response[:-4].upper(),
        "sw": f"{sw:04X}",
        "meaning": meaning(sw),
        "microseconds": microseconds,
        "tlv": None if HIDDEN in response else tlv_tree(bytes.fromhex(response[:-4])),
    }


def command_name(command: str) -> str:
    """What a command in hexadecimal is called."""
    from cardcore.instructions import name_of

    try:
        return name_of(*bytes.fromhex(command[:8]))
    except (ValueError, TypeError):
        return "malformed"


def lines(exchange: Node, whole: str = "") -> list[str]:
    """One described exchange for people; `whole` is a reply that came in parts, of which this exchange is the last."""
    command, response = str(exchange["command"]), str(exchange["response"])
    milliseconds = f"{int(str(exchange['microseconds'])) / 1000:.1f} ms"
    found = [f"{exchange['name']}  ({milliseconds})", f"  > {_spaced(command)}"]
    found += [f"      {line}" for line in command_tlv(command)]
    shown = whole or response
    tree = [] if HIDDEN in shown else tlv_lines(bytes.fromhex(shown))
    if tree:
        found += [f"  < {line}" for line in tree]
    elif response:
        hidden = f"{len(response) // 2} bytes, hidden"
        found.append(f"  < {hidden if HIDDEN in response else abbreviated(bytes.fromhex(response))}")
    found.append(f"  < {exchange['sw']} {exchange['meaning']}")
    return found


def command_tlv(command: str) -> list[str]:
    """The BER-TLV objects in the data field of a command, if it holds any and nothing is hidden."""
    from cardcore.apdu import CommandApdu

    if HIDDEN in command:
        return []
    try:
        data = CommandApdu.decode(bytes.fromhex(command)).data
    except (ReplyError, ValueError):
        return []
    return tlv_lines(data) if len(data) > 2 else []


def _spaced(command: str) -> str:
    """Header bytes apart, the rest together and cut where it is long."""
    header = " ".join(command[index : index + 2] for index in range(0, min(8, len(command)), 2))
    rest = command[8:]
    if len(rest) > _LINE_BYTES * 2:
        return f"{header} {rest[: _LINE_BYTES * 2]}... ({len(command) // 2} bytes)"
    return f"{header} {rest}".rstrip()
