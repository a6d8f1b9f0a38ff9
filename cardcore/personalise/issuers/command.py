"""A CA that is a command: it gets the request and gives the certificate. No shell takes part."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from cardcore import keyfiles
from cardcore.errors import CardError, InputError
from cardcore.personalise.issuers import files
from cardcore.personalise.issuers.base import (
    Issued,
    IssuerRefused,
    IssuerUncertain,
    IssuerUnreachable,
    Order,
    Pending,
    ordered_before,
)
from cardcore.personalise.issuers.settings import CommandCa

_ENVIRONMENT = ("PATH", "HOME", "LANG", "TMPDIR", "TZ", "SYSTEMROOT", "TEMP")
_SHOWN = 300
_MOST_COMPLAINT = 4 * _SHOWN
_MOST_TOKEN = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    status: int
    output: bytes
    complaint: str
    certificate: bytes


class CommandIssuer:
    """Runs the command of the settings for each order.

    Besides its arguments the command finds the order's reference, subject and days in the environment, as
    CARDCORE_REFERENCE, CARDCORE_SUBJECT and CARDCORE_DAYS, and with the second command CARDCORE_TOKEN.
    """

    def __init__(self, settings: CommandCa) -> None:
        self._settings = settings

    def order(self, order: Order) -> Issued | Pending:
        """Run the command."""
        return self._result(self._run(self._settings.arguments, order, token=""))

    def ask(self, order: Order, token: str) -> Issued | Pending:
        """Run the command that asks; without one the first again, if it promises to give the same certificate."""
        if self._settings.ask:
            with ordered_before(token):
                answer = self._run(self._settings.ask, order, token=token)
            return self._result(answer)
        if self._settings.idempotent:
            with ordered_before(token):
                return self.order(order)
        raise IssuerUncertain(
            "the issuing command cannot be asked what became of an order",
            token=token,
            hint="Look it up at the CA by hand; a command for `ask` would do it.",
        )

    def close(self) -> None:
        """Nothing is open."""

    def _run(self, arguments: tuple[str, ...], order: Order, *, token: str) -> _Answer:
        pem = keyfiles.encoded_request(order.request, as_der=False)
        with TemporaryDirectory(prefix="cardcore-") as name:
            folder = Path(name)
            places = {
                "{request}": str(folder / "request.csr"),
                "{certificate}": str(folder / "certificate.pem"),
                "{days}": str(order.contents.days),
            }
            (folder / "request.csr").write_bytes(pem)
            (folder / "stdin").write_bytes(b"" if any("{request}" in argument for argument in arguments) else pem)
            line = [_placed(argument, places) for argument in arguments]
            status = self._process(line, folder, self._environment(order, token))
            return _Answer(
                status=status,
                output=_returned(folder / "stdout"),
                complaint=_readable((folder / "stderr").read_bytes()[-_MOST_COMPLAINT:]),
                certificate=_returned(folder / "certificate.pem"),
            )

    def _process(self, line: list[str], folder: Path, environment: dict[str, str]) -> int:
        """The exit status. The command has a session of its own: Ctrl-C ends the run, not a CA at work."""
        try:
            with (
                (folder / "stdin").open("rb") as stdin,
                (folder / "stdout").open("wb") as stdout,
                (folder / "stderr").open("wb") as stderr,
            ):
                return subprocess.run(  # noqa: S603 - the plan's author chose the command, no holder's text is in it
                    line,
                    stdin=stdin,
                    stdout=stdout,
                    stderr=stderr,
                    timeout=self._settings.timeout,
                    env=environment,
                    start_new_session=True,
                    check=False,
                ).returncode
        except subprocess.TimeoutExpired as error:
            raise IssuerUncertain(
                f"the issuing command {line[0]} did not end within {self._settings.timeout:g} seconds"
            ) from error
        except (OSError, ValueError) as error:
            raise IssuerUnreachable(
                f"the issuing command {line[0]} cannot be run: {error}",
                hint="Check the path and the rights; nothing was issued.",
            ) from error

    def _environment(self, order: Order, token: str) -> dict[str, str]:
        names = (*_ENVIRONMENT, *self._settings.environment)
        given = {name: os.environ[name] for name in names if name in os.environ}
        given["CARDCORE_REFERENCE"] = order.reference
        given["CARDCORE_SUBJECT"] = order.contents.subject
        given["CARDCORE_DAYS"] = str(order.contents.days)
        return given | ({"CARDCORE_TOKEN": token} if token else {})

    def _result(self, answer: _Answer) -> Issued | Pending:
        """What the exit status says; a status that nobody explained may mean anything."""
        settings, said = self._settings, f": {answer.complaint}" if answer.complaint else ""
        if answer.status == 0:
            return _issued(answer)
        if answer.status in settings.pending:
            token = answer.output.decode("utf-8", "replace").strip().splitlines()[:1]
            return Pending(token="".join(token)[:_MOST_TOKEN])
        if answer.status in settings.unreachable:
            raise IssuerUnreachable(f"the issuing command could not work (exit status {answer.status}){said}")
        if answer.status in settings.refused:
            raise IssuerRefused(f"the issuing command refused (exit status {answer.status}){said}")
        raise IssuerUncertain(f"the issuing command failed (exit status {answer.status}){said}")


def _issued(answer: _Answer) -> Issued:
    try:
        found = keyfiles.bundle(answer.certificate or answer.output)
    except CardError as error:
        raise IssuerUncertain("the issuing command succeeded, but what it returned is no certificate") from error
    own, *above = (keyfiles.encoded(certificate, as_der=True) for certificate in found)
    return Issued(certificate=own, chain=tuple(above))


def _returned(file: Path) -> bytes:
    """What the command wrote, nothing if it did not; IssuerUncertain if it is more than any certificate has."""
    try:
        return files.read(file) if file.exists() else b""
    except InputError as error:
        raise IssuerUncertain(f"what the issuing command returned cannot be used: {error.message}") from error


def _placed(argument: str, places: dict[str, str]) -> str:
    for placeholder, value in places.items():
        argument = argument.replace(placeholder, value)
    return argument


def _readable(complaint: bytes) -> str:
    """The end of what a command said on standard error, in one line of printable characters."""
    text = " ".join(complaint.decode("utf-8", "replace").split())
    return "".join(character for character in text if character.isprintable())[-_SHOWN:]
