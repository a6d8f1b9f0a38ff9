"""`personal-csp register` and `unregister`: what programs find the provider by."""

from __future__ import annotations

import sys
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from csp_frontend.registration import Registry, Wanted

_DLLS = {64: "personal-csp-x64.dll", 32: "personal-csp-x86.dll"}
in_wine = click.option(
    "--wine", "prefix", metavar="PREFIX", type=click.Path(file_okay=False, path_type=Path), help="In this Wine prefix."
)
"""Decorates a command with the option for a registry that is not Windows' own."""


@click.command()
@click.option(
    "--dlls",
    "folder",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the DLLs are; default: in the package.",
)
@click.option("--agent", metavar="COMMAND", help='Starts the agent: "C:\\...\\personal-csp.exe" agent; empty: nothing.')
@click.option("--at-login", is_flag=True, help="Start the agent at this user's login, too.")
@click.option(
    "--reg",
    "file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a file for regedit, and change nothing.",
)
@in_wine
def register(folder: Path | None, agent: str | None, at_login: bool, file: Path | None, prefix: Path | None) -> None:
    """Register the provider for all users, its cards, and how this user's agent is started.

    It needs an administrator's rights. It asks nothing, and never makes the provider the default of its type.
    """
    from csp_frontend.command.registered import lines
    from csp_frontend.registration import register as write

    wanted = _wanted(folder, agent, at_login, in_wine=prefix is not None)
    if file is not None:
        from csp_frontend.registration import entries
        from csp_frontend.registry_files import reg_file

        file.write_text(reg_file(entries(wanted)), encoding="utf-16", newline="\r\n")
        click.echo(f"written to {file}; import it with: regedit /S {file.name}")
        return
    for line in lines(write(registry_of(prefix), wanted), prefix):
        click.echo(line)


@click.command()
@in_wine
def unregister(prefix: Path | None) -> None:
    """Take the provider, its cards and this user's agent command out of the registry; nothing of others."""
    from csp_frontend.registration import unregister as remove

    remove(registry_of(prefix))
    click.echo("The provider is not registered any more.")


def registry_of(prefix: Path | None) -> Registry:
    """The registry of a Wine prefix, or of this machine; RegistryError where there is none."""
    if prefix is not None:
        from csp_frontend.wine_registry import WineRegistry

        return WineRegistry(prefix)
    from csp_frontend.windows_registry import windows_registry

    return windows_registry()


def _wanted(folder: Path | None, agent: str | None, at_login: bool, *, in_wine: bool) -> Wanted:
    from cardcore import known_atrs
    from csp_frontend.registration import RegistryError, Wanted

    place = (folder or Path(__file__).parents[1] / "dll").resolve()
    dlls = {bits: place / name for bits, name in _DLLS.items() if (place / name).is_file()}
    if not dlls:
        raise RegistryError(
            f"there are no DLLs in {place}", hint="Build them with tools/build_dll, or name their folder with --dlls."
        )
    command = _agent_command() if agent is None else agent
    if command and (not command.startswith('"') or command.count('"') < 2):
        raise click.UsageError("--agent has to begin with the program's absolute path in quotes")
    if at_login and not command:
        raise click.UsageError("--at-login needs to know how the agent is started: --agent")
    paths = {bits: _windows_path(path, in_wine=in_wine) for bits, path in dlls.items()}
    return Wanted(dlls=paths, cards=known_atrs(), agent=command, at_login=at_login)


def _windows_path(path: Path, *, in_wine: bool) -> PureWindowsPath:
    return PureWindowsPath(f"Z:{path}" if in_wine else path)


def _agent_command() -> str:
    """How this program starts its agent on Windows; elsewhere nothing does, so nothing is registered."""
    return f'"{sys.executable}" -m csp_frontend agent' if sys.platform == "win32" else ""
