"""What holds for the command as a whole: light, complete, helpful."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.shell_completion import CompletionItem

from cardcore.cli.completion import SHELLS, PowerShellComplete
from cardcore.cli.lazy import Entry, LazyGroup
from cardcore.cli.personalise import Personalise, with_command
from cardcore.cli.progress import working
from cardcore.cli.root import Root, cardcore
from tests.unit import house
from tests.unit.cli.shell import ADMIN, PIN, Shell
from tests.unit.cli.test_documents import leaves

HEAVY = {"cryptography", "smartcard", "yaml", "construct", "rich", "platformdirs"}
# What a signature is made without; the card and not the computer signs, and nobody looks at certificates.
NOT_FOR_SIGNING = {
    "cryptography",
    "rich",
    "prompt_toolkit",
    "sqlalchemy",
    "cardcore.procedures",
    "cardcore.certificates",
}
LOADED = (
    "import json, sys\n"
    "from cardcore.cli import main\n"
    "status = main(sys.argv[1:])\n"
    "print(json.dumps([status, sorted(sys.modules)]), file=sys.stderr)\n"
)


def loaded(*arguments: str, **environment: str) -> tuple[int, set[str], str]:
    """Run a command line in a new interpreter: status, modules that it loaded, stdout."""
    ended = subprocess.run(
        [sys.executable, "-c", LOADED, *arguments],
        cwd=house.ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    status, modules = json.loads(ended.stderr.splitlines()[-1])
    return status, set(modules), ended.stdout


@pytest.mark.parametrize("line", [("--help",), ("key", "--help"), ("sign", "--help"), ("cert", "self-sign", "--help")])
def test_help_loads_nothing_heavy(line: tuple[str, ...]) -> None:
    status, modules, out = loaded(*line)
    assert status == 0
    assert out.startswith("Usage: cardcore")
    assert not modules & HEAVY


def test_signing_loads_nothing_for_other_work(shell: Shell) -> None:
    """A signature is a short process: what it loads is most of its time."""
    shell.generate("9a", "rsa2048")
    line = ("sign", "--key", "9a", "--pin", "env:PIN", shell.file("letter", b"text"), "--out")
    trace, live, played = (str(shell.folder / name) for name in ("sign.jsonl", "live.sig", "played.sig"))
    shell.ok("--trace", trace, *line, live)
    status, modules, _ = loaded("--reader", f"replay:{trace}", *line, played)
    assert status == 0
    assert Path(played).read_bytes() == Path(live).read_bytes()
    assert not modules & NOT_FOR_SIGNING


def test_only_a_process_of_its_own_changes_how_garbage_is_collected() -> None:
    script = (
        "import gc, sys\n"
        "from cardcore.cli import main\n"
        "before = gc.get_threshold()\n"
        "main(['--version'])\n"
        "assert (gc.get_threshold(), gc.get_freeze_count()) == (before, 0)\n"
        "sys.argv = ['cardcore', '--version']\n"
        "main()\n"
        "assert gc.isenabled() and gc.get_threshold()[0] > before[0] and gc.get_freeze_count()\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], cwd=house.ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("cardcore ", "readers"),
        ("cardcore ke", "key"),
        ("cardcore key ge", "generate"),
        ("cardcore key generate 9a --type ecp3", "ecp384"),
        ("cardcore sign --pin ", "env:"),
        ("cardcore sign --scheme p", "pss"),
    ],
)
def test_completion_answers_and_loads_nothing_heavy(words: str, expected: str) -> None:
    environment = {"_CARDCORE_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    _, modules, out = loaded(**environment)
    assert f"plain,{expected}" in out.splitlines()
    assert not modules & HEAVY


@pytest.mark.parametrize(
    ("words", "expected"), [("cardcore profile show p", "piv"), ("cardcore soft create a --application p", "piv")]
)
def test_completion_of_names(words: str, expected: str) -> None:
    environment = {"_CARDCORE_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    assert f"plain,{expected}" in loaded(**environment)[2].splitlines()


def test_completion_in_powershell() -> None:
    words = {"COMP_WORDS": "cardcore\nkey\nge", "COMP_WORD": "ge", "_CARDCORE_COMPLETE": "powershell_complete"}
    _, modules, out = loaded(**words)
    assert out.startswith("generate\tGenerate a key pair")
    assert not modules & HEAVY
    complete = PowerShellComplete(cardcore, {}, "cardcore", "_CARDCORE_COMPLETE")
    assert complete.format_completion(CompletionItem("plain")) == "plain"
    assert complete.format_completion(CompletionItem("x", type="file")) == ""


@pytest.mark.parametrize("name", SHELLS)
def test_completion_scripts(shell: Shell, name: str) -> None:
    ended = shell("completion", name)
    assert ended.status == 0
    assert "_CARDCORE_COMPLETE" in ended.out
    assert f"{name}_" in ended.out


def test_the_bash_script_works(shell: Shell) -> None:
    script = shell("completion", "bash").out
    program = (
        f"#!/bin/sh\nexec {sys.executable} -c 'import sys; from cardcore.cli import main; sys.exit(main())' \"$@\"\n"
    )
    command = Path(shell.file("cardcore", program.encode()))
    command.chmod(0o755)
    typed = "COMP_WORDS=(cardcore cert se)\nCOMP_CWORD=2"
    asked = f'{script}\n{typed}\n_cardcore_completion {command}\necho "${{COMPREPLY[@]}}"'
    environment = {**os.environ, "PYTHONPATH": str(house.ROOT)}
    answer = subprocess.run(["bash", "-c", asked], capture_output=True, text=True, env=environment, check=True)
    assert answer.stdout.strip() == "self-sign"


def test_summaries_are_those_of_the_commands() -> None:
    context = click.Context(cardcore)
    for name, entry in Root.table.items():
        command = Root.get_command(Root("root"), context, name)
        assert command is not None
        assert command.name == name
        assert entry.summary == command.get_short_help_str(limit=60)


def test_every_command_explains_itself() -> None:
    for name, command in leaves(cardcore):
        context = click.Context(command, info_name=f"cardcore {name}")
        text = command.get_help(context)
        assert "Examples:" in text, name
        assert "cardcore " in text.partition("Examples:")[2], name
        assert len(command.get_short_help_str(limit=1000)) <= 90, name
        documented = [option for option in command.params if isinstance(option, click.Option)]
        assert all(option.help or option.type.name == "choice" for option in documented), name


def test_no_summary_in_a_help_is_cut() -> None:
    groups: list[click.Group] = [cardcore]
    for group in groups:
        context = click.Context(group, info_name="cardcore")
        found = [group.get_command(context, name) for name in group.list_commands(context)]
        groups += [command for command in found if isinstance(command, click.Group)]
        summaries = group.get_help(context).partition("Commands:")[2].partition("Examples:")[0].splitlines()
        cut = [line for line in summaries if line.endswith("...") and not line.endswith(", ...")]
        assert not cut
    assert len(groups) > 8


def test_the_examples_in_the_helps_are_command_lines() -> None:
    commands = {tuple(name.split()): command for name, command in leaves(cardcore)}
    tried = set()
    for name, command in commands.items():
        text = command.get_help(click.Context(command, info_name="cardcore " + " ".join(name)))
        for line in re.findall(r"^ *cardcore (.*)$", text.partition("Examples:")[2], re.M):
            words = shlex.split(re.split(" [|<>]+ ", line)[0])
            first = next(index for index, word in enumerate(words) if word in {path[0] for path in commands})
            wanted = words[first:]
            if wanted[0] == "personalise":
                wanted[1:] = with_command(wanted[1:], Personalise.table)
            path = next(path for path in commands if path == tuple(wanted[: len(path)]))
            cardcore.make_context("cardcore", [*words[:first], "info"])
            commands[path].make_context(" ".join(path), wanted[len(path) :])
            tried.add(path)
    assert len(tried) > 40


def test_a_table_of_something_else_is_a_mistake() -> None:
    class Odd(LazyGroup):
        table = {"odd": Entry("errors:Report", "")}  # noqa: RUF012 - as in the class above it

    with pytest.raises(TypeError, match="no command"):
        Odd("odd").get_command(click.Context(cardcore), "odd")
    assert Odd("odd").get_command(click.Context(cardcore), "other") is None


def test_version(shell: Shell) -> None:
    ended = shell("--version")
    assert (ended.status, ended.out.split()[0]) == (0, "cardcore")


def test_the_reader_and_profile_from_the_environment(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARDCORE_READER", "soft:alice")
    monkeypatch.setenv("CARDCORE_PROFILE", "piv")
    assert "its name, which was given" in shell("info").out or "piv" in shell("info").out
    monkeypatch.setenv("CARDCORE_PROFILE", "nothing")
    assert shell("info").status == 7


def test_progress_shows_time_and_no_percentage(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with working("quiet"):
        pass
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(type(sys.stderr), "isatty", lambda _: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    with working("the card works"):
        pass
    shown = capsys.readouterr().err
    assert "the card works" in shown
    assert "0:00:00" in shown
    assert "%" not in shown


def test_tables_on_a_terminal(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(sys.stdout), "isatty", lambda _: True, raising=False)
    monkeypatch.setenv("COLUMNS", "100")
    assert "[" not in shell("soft", "list").out.replace("\x1b[", "")
    assert "alice" in shell("soft", "list").out


def test_demo(shell: Shell) -> None:
    document = shell("--json", "demo").json
    assert len(document["steps"]) >= 15
    assert document["seconds"] > 0
    people = shell("demo")
    assert people.out.count("✓") == len(document["steps"])
    for text in ("without OID", "PSS", "ECDSA", "OAEP", "2 tries left", "certificate"):
        assert text in people.out


def test_a_demo_that_fails_says_so(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cardcore.verifying.is_valid", lambda *_: False)
    assert shell("--json", "demo").error["code"] == "demo-failed"


EXAMPLE = """\
export PIN=123456 ADMIN=010203040506070801020304050607080102030405060708
cardcore soft create alice --application piv
cardcore --reader soft:alice key generate 9a --type rsa2048 --admin env:ADMIN --out alice.pem
cardcore --reader soft:alice sign --key 9a --pin env:PIN letter.txt --out letter.sig
openssl dgst -sha256 -verify alice.pem -signature letter.sig letter.txt
"""


def test_the_example_of_the_contract(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear reader,\n")
    program = f'#!/bin/sh\nexec {sys.executable} -m cardcore "$@"\n'
    (tmp_path / "cardcore").write_text(program)
    (tmp_path / "cardcore").chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "PYTHONPATH": str(house.ROOT),
        "CARDCORE_SOFT_DIR": str(tmp_path / "soft"),
    }
    ended = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", EXAMPLE],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.endswith("Verified OK\n")
    assert PIN in ended.stdout
    assert ADMIN in ended.stdout
