"""What is registered, as `register` and `status` tell it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PureWindowsPath
from typing import Any

from csp_frontend.registration import VIEWS, Registered


def lines(state: Registered, prefix: Path | None) -> list[str]:
    """In words; `prefix` is that of Wine, None on Windows."""
    return [*_views(state, prefix), *_agent(state)]


def document(state: Registered, prefix: Path | None) -> dict[str, Any]:
    """For `--json`: each view of the registry by its width, and what holds for this user."""
    views = {
        str(bits): {
            "dll": state.dlls.get(bits),
            "dll_exists": bits in state.dlls and _is_there(state.dlls[bits], prefix),
            "cards": list(state.cards.get(bits, ())),
        }
        for bits in VIEWS
    }
    return {"views": views, "foreign_cards": list(state.foreign), "agent": state.agent, "at_login": state.at_login}


def _views(state: Registered, prefix: Path | None) -> Iterator[str]:
    if not (state.dlls or state.cards):
        yield "The provider is not registered."
    else:
        for bits in VIEWS:
            yield _provider(bits, state.dlls.get(bits), prefix)
            yield f"  cards that are known as its: {len(state.cards.get(bits, ()))}"
    for name in state.foreign:
        yield f"  left to whoever registered it: {name}"


def _provider(bits: int, dll: str | None, prefix: Path | None) -> str:
    if dll is None:
        return f"{bits}-bit programs do not find the provider."
    missing = "" if _is_there(dll, prefix) else ", which is not there"
    return f"{bits}-bit programs find the provider in {dll}{missing}"


def _agent(state: Registered) -> Iterator[str]:
    if state.agent:
        yield f"Programs start the agent by: {state.agent}"
    elif state.dlls:
        yield "Programs do not start the agent."
    if state.at_login:
        yield "The agent is started at login."


def _is_there(dll: str, prefix: Path | None) -> bool:
    """Whether a path of Windows is a file, in Wine by the links that are its drives."""
    path = PureWindowsPath(dll)
    file = Path(dll) if prefix is None else prefix / "dosdevices" / path.drive.lower() / Path(*path.parts[1:])
    return file.is_file()
