"""Files that `regedit` takes: to set values and to remove keys, by hand, by an administrator's tools, or under Wine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from csp_frontend.registration import Content, Key

HEADER = "Windows Registry Editor Version 5.00"


def reg_file(
    keys: Mapping[Key, Mapping[str, Content]],
    gone: Sequence[Key] = (),
    gone_values: Sequence[tuple[Key, str]] = (),
) -> str:
    """The text of a file that removes `gone` and `gone_values`, then sets the values of `keys`."""
    parts = [HEADER, ""]
    parts += [f"[-{key.root}\\{key.path}]\n" for key in gone]
    parts += [f"[{key.root}\\{key.path}]\n{_quoted(name)}=-\n" for key, name in gone_values]
    for key, values in keys.items():
        lines = [f"{_quoted(name)}={_content(value)}" for name, value in values.items()]
        parts.append("\n".join([f"[{key.root}\\{key.path}]", *lines, ""]))
    return "\n".join(parts) + "\n"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _content(value: Content) -> str:
    if isinstance(value, bytes):
        return "hex:" + ",".join(f"{byte:02x}" for byte in value)
    return f"dword:{value:08x}" if isinstance(value, int) else _quoted(value)
