"""GnuPG in a home of its own, whose scdaemon finds a private PC/SC service, and whose PINs come from a file.

with GnuPg(rig.env, "Rig A 00 00") as gpg:
    gpg.secrets["PIN"] = "123456"
    gpg.edit("admin", "generate", **{"cardedit.genkeys.backup_enc": "n"})
"""

from __future__ import annotations

import json
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

_PATIENCE = 40.0
_FACTORY = {"PIN": "123456", "Admin PIN": "12345678"}
# Speaks the side of pinentry in the Assuan protocol. The description tells which secret is wanted, and if a new one.
_PINENTRY = """#!{python}
import json, re, sys, urllib.parse
from pathlib import Path

secrets, last = json.loads(Path({file!r}).read_text()), Path({file!r} + ".last")
names = {{name.lower(): name for name in ("Admin PIN", "Reset Code", "PIN")}}

def answer(text):
    if "repeat this" in text:
        return last.read_text()
    found = re.search("|".join(names), text)
    name = names[found[0]] if found else ""
    return secrets.get("New " + name if "new " in text else name, secrets.get(""))

text = ""
print("OK", flush=True)
for line in sys.stdin:
    word, _, rest = line.strip().partition(" ")
    if word in ("SETDESC", "SETPROMPT"):
        text += urllib.parse.unquote(rest).lower() + "|"
    given = answer(text) if word == "GETPIN" else None
    if given is not None:
        last.write_text(given)
        print("D " + given)
    print("ERR 83886179 cancelled" if word == "GETPIN" and given is None else "OK", flush=True)
    if word == "BYE":
        break
"""


class CardOperationFailed(AssertionError):
    """gpg says that something it wanted of the card did not come about."""


class GnuPg:
    """One GNUPGHOME with agent and scdaemon, ended at the end of the `with`.

    `secrets` answer what pinentry is asked for: "PIN", "Admin PIN", "Reset Code", each also as "New PIN" and so on;
    "" answers everything else.
    """

    def __init__(self, env: Mapping[str, str], reader: str) -> None:
        self._home = Path(tempfile.mkdtemp(prefix="gpg-"))  # short: the agent's socket is in it
        self._env = {**env, "GNUPGHOME": str(self._home), "LC_ALL": "C"}
        self._reader = reader
        self._log = self._home / "scdaemon.log"
        self.secrets: dict[str, str] = dict(_FACTORY)

    @property
    def home(self) -> Path:
        """The folder where clients run and keep their files."""
        return self._home

    def __enter__(self) -> Self:
        answers = self._home / "secrets.json"
        pinentry = self._home / "pinentry"
        pinentry.write_text(_PINENTRY.format(python=sys.executable, file=str(answers)), encoding="ascii")
        pinentry.chmod(pinentry.stat().st_mode | stat.S_IXUSR)
        options = f"disable-ccid\npcsc-shared\nreader-port {self._reader}\nverbose\nlog-file {self._log}\n"
        (self._home / "scdaemon.conf").write_text(options, encoding="ascii")
        (self._home / "gpg-agent.conf").write_text(f"pinentry-program {pinentry}\n", encoding="ascii")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.forget()
        shutil.rmtree(self._home, ignore_errors=True)  # the agent takes its sockets away meanwhile

    def forget(self) -> None:
        """End agent and scdaemon, so that the next command finds the card anew and no PIN is cached."""
        subprocess.run(["gpgconf", "--kill", "all"], env=self._env, check=True, capture_output=True, timeout=_PATIENCE)

    def run(self, *arguments: str, stdin: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run gpg to its end; AssertionError that shows what it said if it fails and `check` is set."""
        (self._home / "secrets.json").write_text(json.dumps(self.secrets), encoding="ascii")
        command = ["gpg", "--no-tty", "--yes", *arguments]
        ended = subprocess.run(
            command,
            input=stdin,
            env=self._env,
            cwd=self._home,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
        assert ended.returncode == 0 or not check, f"{command}:\n{ended.stdout}\n{ended.stderr}"
        return ended

    def status(self) -> dict[str, list[str]]:
        """What `--card-status` tells: the fields of each line by its keyword."""
        lines = self.run("--batch", "--with-colons", "--card-status").stdout.splitlines()
        return {fields[0]: fields[1:] for fields in (line.split(":") for line in lines)}

    def edit(self, *commands: str) -> str:
        """Run `--card-edit`: each entry is a command of its prompt or the answer to what a command asks.

        Returns the status lines. AssertionError if gpg asks for more than there is, CardOperationFailed if an operation
        of the card failed: gpg tells that in a status line only and exits with 0.
        """
        script = "\n".join([*commands, "quit", ""])
        ended = self.run("--status-fd", "1", "--command-fd", "0", "--card-edit", stdin=script)
        said = ended.stdout + ended.stderr
        if "SC_OP_FAILURE" in said:
            raise CardOperationFailed(f"{commands}:\n{said}\nscdaemon:\n{self._log.read_text(errors='replace')}")
        return said
