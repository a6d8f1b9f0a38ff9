"""The `personal-csp` command: what it answers, how it fails, that a PIN is never an argument."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from cardcore import SoftCardStore, open_card
from cardcore.softcard import ScryptCost, factory_secrets
from csp_frontend.agent_process import start_detached, stop_running
from csp_frontend.client import Client
from tests.frontend.agents import RunningAgent

PIN = "123456"
KEY = "9a"


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningAgent]:
    """An agent over one software card with a key."""
    folder = tmp_path_factory.mktemp("soft")
    SoftCardStore(folder).create("alice", "piv", cost=ScryptCost(n=16))
    admin = factory_secrets("piv").admin
    assert admin is not None
    before = os.environ.get("CARDCORE_SOFT_DIR")
    os.environ["CARDCORE_SOFT_DIR"] = str(folder)
    try:
        with open_card("soft:alice") as card:
            card.authenticate_admin(admin)
            card.generate(KEY, "rsa2048")
        with RunningAgent(tmp_path_factory.mktemp("agent")) as agent:
            yield agent
    finally:
        del os.environ["CARDCORE_SOFT_DIR"]
        if before is not None:
            os.environ["CARDCORE_SOFT_DIR"] = before


def run(
    env: Mapping[str, str], *arguments: str, status: int = 0, said: str = "", **more: str
) -> subprocess.CompletedProcess[str]:
    """Run the command with `more` in its environment, and check its exit status."""
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-m", "csp_frontend", *arguments],
        env={**env, **more},
        input=said,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == status, ended.stdout + ended.stderr
    return ended


def answers(ended: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ended.stdout.splitlines()]


def test_help_is_light() -> None:
    code = (
        "import sys; from csp_frontend.command import main; main(['--help']);"
        "print([name for name in ('smartcard', 'cryptography', 'construct', 'yaml') if name in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout.splitlines()[-1] == "[]"
    for word in ("agent", "status", "call"):
        assert word in ended.stdout


def test_a_signature_from_the_shell(agent: RunningAgent, tmp_path: Path) -> None:
    letter, signature, public = tmp_path / "letter.txt", tmp_path / "letter.sig", tmp_path / "public.pem"
    letter.write_bytes(b"Dear reader\n" * 1000)
    given = answers(
        run(
            agent.env,
            *("call", "CPAcquireContext", r"container=\\.\soft:alice" + "\\", "flags=CRYPT_SILENT", "as=c", "then"),
            *("CPSetProvParam", "context=@c", "parameter=PP_KEYEXCHANGE_PIN", "data=env:CARD_PIN", "then"),
            *("CPCreateHash", "context=@c", "algorithm=CALG_SHA_256", "as=h", "then"),
            *("CPHashData", "context=@c", "hash=@h", f"data=file:{letter}", "then"),
            *("CPSignHash", "context=@c", "hash=@h", "key_spec=AT_KEYEXCHANGE", "room=null", "then"),
            *("CPSignHash", "context=@c", "hash=@h", "key_spec=1", f"out={signature}"),
            CARD_PIN=PIN,
        )
    )
    assert [answer["call"] for answer in given][-2:] == ["CPSignHash"] * 2
    assert given[-2:] == [{"call": "CPSignHash", "size": 256}] * 2
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    with open_card("soft:alice") as card:
        pem = card.public_key(KEY).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    public.write_bytes(pem)
    signature.write_bytes(signature.read_bytes()[::-1])
    verify = ["openssl", "dgst", "-sha256", "-verify", str(public), "-signature", str(signature), str(letter)]
    assert subprocess.run(verify, capture_output=True, check=False).returncode == 0
    assert PIN not in agent.log


def test_a_script_on_stdin(agent: RunningAgent) -> None:
    script = [
        {"call": "CPAcquireContext", "flags": "CRYPT_VERIFYCONTEXT", "as": "c"},
        {"call": "CPGetProvParam", "context": "@c", "parameter": "PP_NAME"},
        {"call": "CPCreateHash", "context": "@c", "algorithm": 0x8004, "as": "h"},
        {"call": "CPHashData", "context": "@c", "hash": "@h", "data": "text:abc"},
        {"call": "CPHashData", "context": "@c", "hash": "@h", "data": "hex:646566"},
        {"call": "CPGetHashParam", "context": "@c", "hash": "@h", "parameter": "HP_HASHVAL"},
    ]
    given = answers(run(agent.env, "call", "-", said="\n".join(map(json.dumps, script)) + "\n\n"))
    assert given[1]["text"] == "Personal CSP"
    assert given[5]["data"] == hashlib.sha1(b"abcdef", usedforsecurity=False).hexdigest()


def test_errors_are_answers_too(agent: RunningAgent) -> None:
    ended = run(agent.env, "call", "CPAcquireContext", "container=nobody", "then", "CPReleaseContext", status=1)
    assert [answer["error"]["code"] for answer in answers(ended)] == ["NTE_BAD_KEYSET"]
    more = ("then", "CPReleaseContext", "context=7", "--keep-going")
    ended = run(agent.env, "call", "CPAcquireContext", "container=nobody", *more, status=1)
    assert [answer["error"]["number"] for answer in answers(ended)] == ["80090016", "80090001"]
    verify = ("call", "CPAcquireContext", "flags=CRYPT_VERIFYCONTEXT", "as=c", "then")
    ended = run(agent.env, *verify, "CPGetProvParam", "context=@c", "parameter=PP_NAME", "room=1", status=1)
    assert answers(ended)[1]["error"] | {"message": ""} == {
        "code": "ERROR_MORE_DATA",
        "number": "000000EA",
        "message": "",
        "size": 13,
    }


@pytest.mark.parametrize(
    "words",
    [
        ["CPNothing"],
        ["CPReleaseContext", "context"],
        ["CPReleaseContext", "nothing=1"],
        ["CPReleaseContext", "context=1", "context=2"],
        ["CPReleaseContext", "context=@c"],
        ["CPReleaseContext", "context=-1"],
        ["CPReleaseContext", "context=CRYPT_NOTHING"],
        ["then", "CPReleaseContext"],
        ["CPHashData", "data=abc"],
        ["CPHashData", "data=hex:1"],
        ["CPHashData", "data=file:/nowhere"],
        ["CPHashData", "data=env:NOT_SET_ANYWHERE"],
    ],
)
def test_what_cannot_be_called(agent: RunningAgent, words: list[str]) -> None:
    ended = run(agent.env, "call", *words, status=2)
    assert ended.stderr.startswith("error: ")
    assert "hint:" in ended.stderr


@pytest.mark.parametrize("said", ["{", "[]", '{"context": 1}', '{"call": 3}'])
def test_scripts_that_are_none(agent: RunningAgent, said: str) -> None:
    assert "line 1" in run(agent.env, "call", "-", said=said, status=2).stderr


@pytest.mark.parametrize("parameter", ["PP_KEYEXCHANGE_PIN", "PP_SIGNATURE_PIN", "PP_ADMIN_PIN", "33"])
@pytest.mark.parametrize("source", [f"text:{PIN}", f"hex:{PIN}", PIN])
def test_a_pin_is_never_an_argument(agent: RunningAgent, parameter: str, source: str) -> None:
    ended = run(agent.env, "call", "CPSetProvParam", f"parameter={parameter}", f"data={source}", status=2)
    assert PIN not in ended.stderr


def test_status(agent: RunningAgent) -> None:
    told = json.loads(run(agent.env, "status", "--json").stdout)
    assert told["agent"]["pid"] == agent.process.pid
    assert [client["program"] for client in told["clients"]] == ["personal-csp status"]
    people = run(agent.env, "status").stdout
    assert f"process {agent.process.pid}" in people
    assert "Remembered PINs: 0" in people


def test_without_an_agent(tmp_path: Path) -> None:
    env = {**os.environ, "PERSONAL_CSP_DIR": str(tmp_path)}
    ended = run(env, "status", "--json", status=3)
    assert json.loads(ended.stderr)["error"]["code"] == "no-agent"
    ended = run(env, "call", "--no-start", "CPAcquireContext", status=1)
    assert answers(ended)[0]["error"]["code"] == "NTE_PROVIDER_DLL_FAIL"
    assert run(env, "agent", "--stop").stdout == "No agent runs.\n"


def test_an_agent_in_the_background(tmp_path: Path) -> None:
    env = {**os.environ, "PERSONAL_CSP_DIR": str(tmp_path)}
    verify = ("call", "CPAcquireContext", "flags=CRYPT_VERIFYCONTEXT", "as=c", "then")
    try:
        ended = run(env, *verify, "CPGenRandom", "context=@c", "length=8")  # starts one
        assert answers(ended)[1]["size"] == 8
        assert run(env, "agent", "--detach").stdout == "An agent runs already.\n"
        pid = json.loads(run(env, "status", "--json").stdout)["agent"]["pid"]
        assert pid != os.getpid()
    finally:
        assert run(env, "agent", "--stop").stdout == "The agent has ended.\n"
    assert run(env, "agent", "--stop").stdout == "No agent runs.\n"
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix != ".json") == ["agent.lock", "agent.log"]


def test_an_agent_in_the_background_imports_nothing_from_where_it_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a folder of everybody's there may be anything; and there is no image of its memory if it crashes."""
    monkeypatch.setenv("PERSONAL_CSP_DIR", str(tmp_path / "state"))
    (tmp_path / "click.py").write_text("raise SystemExit('somebody else is imported')\n")
    monkeypatch.chdir(tmp_path)
    try:
        start_detached()
        with Client() as client:
            pid = client.status()["agent"]["pid"]
        limits = Path(f"/proc/{pid}/limits")
        if limits.exists():
            assert re.search(r"Max core file size +0 +0 ", limits.read_text())
    finally:
        stop_running()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has access lists in place of modes")
def test_an_agent_keeps_no_files_where_others_may_write(tmp_path: Path) -> None:
    """A link of somebody else's in the place of the log would be written through."""
    public = tmp_path / "public"
    public.mkdir()
    public.chmod(0o1777)
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (public / "agent.log").symlink_to(victim)
    env = {**os.environ, "PERSONAL_CSP_DIR": str(public)}
    assert "others may write into" in run(env, "agent", status=1).stderr
    assert victim.read_text() == "mine"
    assert [path.name for path in public.iterdir()] == ["agent.log"]
    private = {**env, "PERSONAL_CSP_DIR": str(tmp_path / "private")}
    assert "others may write into" in run(private, "agent", "--endpoint", str(public / "agent"), status=1).stderr


def test_an_agent_in_the_background_gets_the_options(tmp_path: Path) -> None:
    """As for Windows programs under Wine: the folder of the other endpoint is made too."""
    env = {**os.environ, "PERSONAL_CSP_DIR": str(tmp_path / "state")}
    (tmp_path / "config.toml").write_text("certificates = false\n")
    (tmp_path / "wrong.toml").write_text("certificates = 7\n")
    assert "wrong.toml:1:" in run(env, "agent", "--detach", "--config", str(tmp_path / "wrong.toml"), status=7).stderr
    other = tmp_path / "prefix" / "personal-csp" / "agent"
    try:
        run(env, "agent", "--detach", "--endpoint", str(other), "--config", str(tmp_path / "config.toml"))
        assert other.read_text() == (tmp_path / "state" / "agent").read_text()
        assert json.loads(run(env, "status", "--json").stdout)["certificates"]["on"] is False
    finally:
        run(env, "agent", "--stop")
    assert not other.exists()


def test_a_wrong_configuration_is_told_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('\nlog-level = "loud"\n')
    env = {**os.environ, "PERSONAL_CSP_DIR": str(tmp_path / "state")}
    ended = run(env, "agent", "--config", str(file), status=7)
    assert f"{file}:2:" in ended.stderr


def test_options_that_exclude_each_other(tmp_path: Path) -> None:
    run({**os.environ, "PERSONAL_CSP_DIR": str(tmp_path)}, "agent", "--stop", "--detach", status=2)


def test_a_window_in_the_background_needs_no_option(agent: RunningAgent) -> None:
    for wrong in (["--window"], ["--window", "--detach"]):
        assert "--foreground" in run(agent.env, "agent", *wrong, status=2).stderr
