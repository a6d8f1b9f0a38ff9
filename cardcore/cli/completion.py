"""`cardcore completion`: scripts by which shells complete the command."""

from __future__ import annotations

import os
from typing import ClassVar

import click
from click.shell_completion import CompletionItem, ShellComplete, add_completion_class, get_completion_class

from cardcore.cli.context import Context, pass_context
from cardcore.cli.lazy import COMPLETION, PROGRAM
from cardcore.cli.options import examples

SHELLS = ("bash", "zsh", "fish", "powershell")
_POWERSHELL = """\
Register-ArgumentCompleter -Native -CommandName %(prog_name)s -ScriptBlock {
    param($word, $commandAst, $position)
    $before = $commandAst.CommandElements | Where-Object { $_.Extent.StartOffset -lt $position }
    $env:COMP_WORDS = ($before | ForEach-Object { $_.ToString() }) -join "`n"
    $env:COMP_WORD = $word
    $env:%(complete_var)s = "powershell_complete"
    try {
        %(prog_name)s | ForEach-Object {
            $value, $help = $_ -split "`t", 2
            if (-not $help) { $help = $value }
            [System.Management.Automation.CompletionResult]::new($value, $value, "ParameterValue", $help)
        }
    } finally {
        Remove-Item Env:COMP_WORDS, Env:COMP_WORD, Env:%(complete_var)s
    }
}
"""


class PowerShellComplete(ShellComplete):
    """Completion for PowerShell: words come one per line, answers are `value TAB help`."""

    name: ClassVar[str] = "powershell"
    source_template: ClassVar[str] = _POWERSHELL

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before the cursor, and the one that is not complete."""
        incomplete = os.environ.get("COMP_WORD", "")
        words = os.environ.get("COMP_WORDS", "").splitlines()[1:]
        if incomplete and words and words[-1] == incomplete:
            words.pop()
        return words, incomplete

    def format_completion(self, item: CompletionItem) -> str:
        """One line; nothing for files, which PowerShell completes by itself."""
        if item.type != "plain":
            return ""
        return f"{item.value}\t{item.help}" if item.help else str(item.value)


def register() -> None:
    """Make PowerShell known to click, beside the shells that it knows."""
    add_completion_class(PowerShellComplete)


@click.command(
    epilog=examples(
        "cardcore completion bash > ~/.local/share/bash-completion/completions/cardcore",
        "cardcore completion zsh > ~/.zfunc/_cardcore",
        "cardcore completion fish > ~/.config/fish/completions/cardcore.fish",
        "cardcore completion powershell >> $PROFILE",
    )
)
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
@pass_context
def completion(context: Context, ctx: click.Context, shell: str) -> None:
    """Print the completion script of a shell."""
    register()
    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"{shell} has no completion", ctx)
    script = found(ctx.find_root().command, {}, PROGRAM, COMPLETION).source()
    context.output.result({"shell": shell, "script": script}, script)
