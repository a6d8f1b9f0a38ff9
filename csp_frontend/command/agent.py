"""`personal-csp agent`: run it, start it in the background, stop it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from csp_frontend.prompts import PinDialog


@click.command()
@click.option("--foreground", is_flag=True, help="Ask for PINs on this terminal, and show the log here too.")
@click.option("--window", is_flag=True, help="With --foreground: ask in a window all the same.")
@click.option("--detach", is_flag=True, help="Start it in the background, unless one runs, and wait until it answers.")
@click.option("--stop", is_flag=True, help="Ask the running agent to end, and wait until it has.")
@click.option(
    "--endpoint",
    "endpoints",
    metavar="FILE",
    multiple=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Tell port and secret in this file too, as for a Windows program under Wine.",
)
@click.option("--config", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help="Configuration file.")
def agent(
    foreground: bool, window: bool, detach: bool, stop: bool, endpoints: tuple[Path, ...], config: Path | None
) -> None:
    """Run the agent of this user until it is stopped: by a signal, or by `personal-csp agent --stop`.

    There is one agent per user. Programs that need it start it by themselves; to have it from login on, let the session
    run `personal-csp agent`.
    """
    if foreground + detach + stop > 1:
        raise click.UsageError("--foreground, --detach and --stop exclude each other")
    if window and not foreground:
        raise click.UsageError("--window is for --foreground: else there is a window wherever there is a screen")
    if stop:
        _stop()
    elif detach:
        _detach(endpoints, config)
    else:
        _run(_dialog(terminal=foreground and not window), endpoints, config, log_here=foreground)


def _stop() -> None:
    from csp_frontend.agent_process import stop_running

    click.echo("The agent has ended." if stop_running() else "No agent runs.")


def _detach(endpoints: tuple[Path, ...], config: Path | None) -> None:
    from csp_frontend import configuration
    from csp_frontend.agent_process import is_running, start_detached

    if is_running():
        click.echo("An agent runs already.")
        return
    configuration.load(config)  # a mistake in it is told here, not by an agent whose output nobody sees
    options = [word for file in endpoints for word in ("--endpoint", str(file.absolute()))]
    if config is not None:
        options += ["--config", str(config.absolute())]
    start_detached(options)
    click.echo("The agent runs.")


def _dialog(*, terminal: bool) -> PinDialog:
    """Where the person is asked: on the terminal, in a window, or nowhere if there is no screen."""
    from csp_frontend.dialog import NobodyDialog
    from csp_frontend.prompts import TerminalDialog
    from csp_frontend.window_dialog import WindowDialog, screen_is_there

    if terminal:
        return TerminalDialog()
    return WindowDialog() if screen_is_there() else NobodyDialog()


def _run(dialog: PinDialog, endpoints: tuple[Path, ...], config: Path | None, *, log_here: bool) -> None:
    from cardcore import forbid_core_dumps
    from csp_frontend import agent_log, configuration
    from csp_frontend.agent_process import AgentProcess, log_path

    forbid_core_dumps()
    chosen = configuration.load(config)
    logger = agent_log.start(log_path(), chosen.log_level, terminal=log_here)
    try:
        AgentProcess(chosen, dialog, files=endpoints).run()
    finally:
        agent_log.stop(logger)
