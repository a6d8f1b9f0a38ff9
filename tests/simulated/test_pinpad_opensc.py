"""OpenSC on the virtual reader: a fair one lets other people's programs enter PINs, and what they can do, we can."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulated.issuedcards import MESSAGE, PIN, PUK, Issued, check, piv
from tests.simulated.padbench import READERS, PadBench, pad_bench

pytestmark = pytest.mark.pcsc


@pytest.fixture(scope="module")
def bench() -> Iterator[PadBench]:
    with pad_bench() as running:
        yield running


@pytest.fixture(scope="module")
def issued(bench: PadBench) -> Iterator[Issued]:
    issued = piv()
    bench.insert(READERS[0], issued.card)
    yield issued
    bench.reader(READERS[0]).remove()
    bench.expect(READERS[0], "empty")


def run(bench: PadBench, folder: Path, will: tuple[str, ...], *command: str) -> tuple[int, str]:
    """Run a program while the person does that."""
    person = bench.reader(READERS[0]).person
    person.forget()
    person.will(*will)
    ended = subprocess.run(
        command,
        env=bench.service.env,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return ended.returncode, ended.stdout + ended.stderr


def test_it_sees_the_pads(bench: PadBench, issued: Issued, tmp_path: Path) -> None:
    status, said = run(bench, tmp_path, (), "opensc-tool", "-l")
    assert status == 0
    assert sum("PIN pad" in line for line in said.splitlines()) == len(READERS)


def test_it_signs(bench: PadBench, issued: Issued, tmp_path: Path) -> None:
    (tmp_path / "letter").write_bytes(MESSAGE)
    files = ("--id", "01", "-m", "SHA256-RSA-PKCS", "-i", "letter", "-o", "letter.sig")
    status, said = run(bench, tmp_path, (PIN,), "pkcs11-tool", "--login", "--sign", *files)
    assert status == 0, said
    assert bench.reader(READERS[0]).person.asked == ["PIN"]
    check(issued.public["9a"], (tmp_path / "letter.sig").read_bytes())


@pytest.mark.parametrize(
    ("done", "words", "code"),
    [
        (PIN, "", ""),
        ("999999", "PIN code or key incorrect", "wrong-pin"),
        ("cancel", "cancelled by user", "pin-entry-cancelled"),
        ("timeout", "Timed out", "pin-entry-timeout"),
        ("12", "Invalid PIN length", "pin-entry-length"),
    ],
)
def test_it_says_the_same(bench: PadBench, issued: Issued, tmp_path: Path, done: str, words: str, code: str) -> None:
    status, said = run(bench, tmp_path, (done,), "pkcs15-tool", "--verify-pin", "--use-pinpad")
    assert (status == 0) == (code == "")
    assert words in said
    theirs = bench.reader(READERS[0]).jobs[-1]
    bench.reader(READERS[0]).person.will(done)
    ended = bench.on(READERS[0], "pin", "verify")
    assert (ended.error["code"] if ended.status else "") == code
    ours = bench.reader(READERS[0]).jobs[-1]
    assert (theirs.format, theirs.block, theirs.length) == (ours.format, ours.block, ours.length)
    assert (theirs.command, theirs.condition, theirs.maximum) == (ours.command, ours.condition, ours.maximum)
    bench.reader(READERS[0]).person.will(PIN)
    assert bench.on(READERS[0], "pin", "verify", "--last-try").status == 0, "all tries are back"


def test_it_unblocks(bench: PadBench, issued: Issued, tmp_path: Path) -> None:
    unblock = ("pkcs15-tool", "--unblock-pin", "--use-pinpad")
    status, said = run(bench, tmp_path, (PUK, PIN, PIN), *unblock)
    assert status == 0, said
    theirs = bench.reader(READERS[0]).jobs[-1]
    bench.reader(READERS[0]).person.will(PUK, PIN, PIN)
    assert bench.on(READERS[0], "pin", "unblock").status == 0
    ours = bench.reader(READERS[0]).jobs[-1]
    assert (theirs.command, theirs.offsets, theirs.block) == (ours.command, ours.offsets, ours.block)
    assert (theirs.old, theirs.confirm, theirs.maximum) == (ours.old, ours.confirm, ours.maximum)
