"""The registry of Windows, by the standard library's `winreg`; always what a 64-bit program sees."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from csp_frontend.registration import Content, Key, Registry, RegistryError

if sys.platform == "win32":
    import winreg

    _READ = winreg.KEY_READ | winreg.KEY_WOW64_64KEY
    _WRITE = winreg.KEY_WRITE | winreg.KEY_WOW64_64KEY
    _ROOTS = {"HKEY_LOCAL_MACHINE": winreg.HKEY_LOCAL_MACHINE, "HKEY_CURRENT_USER": winreg.HKEY_CURRENT_USER}
    _KINDS = {str: winreg.REG_SZ, int: winreg.REG_DWORD, bytes: winreg.REG_BINARY}

    class WindowsRegistry:
        """The registry of this machine and user."""

        def values(self, key: Key) -> dict[str, Content] | None:
            """The values of a key by name."""
            with _explained():
                try:
                    with winreg.OpenKey(_ROOTS[key.root], key.path, 0, _READ) as opened:
                        count = winreg.QueryInfoKey(opened)[1]
                        return {name: value for name, value, _ in (winreg.EnumValue(opened, n) for n in range(count))}
                except FileNotFoundError:
                    return None

        def below(self, key: Key) -> dict[str, dict[str, Content]]:
            """The keys right in a key with their values."""
            with _explained():
                try:
                    with winreg.OpenKey(_ROOTS[key.root], key.path, 0, _READ) as opened:
                        names = [winreg.EnumKey(opened, number) for number in range(winreg.QueryInfoKey(opened)[0])]
                except FileNotFoundError:
                    return {}
            return {name: self.values(key.below(name)) or {} for name in names}

        def write(self, keys: Mapping[Key, Mapping[str, Content]]) -> None:
            """Set values."""
            for key, values in keys.items():
                with _explained(), winreg.CreateKeyEx(_ROOTS[key.root], key.path, 0, _WRITE) as opened:
                    for name, value in values.items():
                        winreg.SetValueEx(opened, name, 0, _KINDS[type(value)], value)

        def delete(self, keys: Sequence[Key], values: Sequence[tuple[Key, str]] = ()) -> None:
            """Remove keys and values; ours have no keys in them."""
            for key in keys:
                with _explained(), _unless_missing():
                    winreg.DeleteKeyEx(_ROOTS[key.root], key.path, winreg.KEY_WOW64_64KEY, 0)
            for key, name in values:
                where = (_ROOTS[key.root], key.path, 0, _WRITE)
                with _explained(), _unless_missing(), winreg.OpenKey(*where) as opened:
                    winreg.DeleteValue(opened, name)

    @contextmanager
    def _explained() -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise RegistryError(f"the registry cannot be used: {error.strerror or error}") from error

    @contextmanager
    def _unless_missing() -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            return


def windows_registry() -> Registry:
    """The registry of this machine and user; RegistryError where there is none."""
    if sys.platform == "win32":
        return WindowsRegistry()
    raise RegistryError("this is not Windows", hint="Name a Wine prefix with --wine, or write a file with --reg.")
