"""The PIN is nowhere on the host: not in the client's memory, nor pcscd's, nor in traces, logs, answers.

A second number, which the client is given on purpose, has to be found in each of the same forms: the scan can fail.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import pytest

from tests.simulated.memories import memory
from tests.simulated.padbench import READERS, PadBench, pad_bench
from tests.simulated.pcsc_client import client
from tests.simulated.pincard import FORMATS, PinCard
from tests.unit import house

pytestmark = pytest.mark.pcsc

PROFILES = house.ROOT / "tests" / "data" / "pinpad"
SECRET, NEW_SECRET = "739146820573", "618250947361"
SHORT_SECRET, NEW_SHORT_SECRET = "73914682", "61825094"
CONTROL = "905183627415"
CLIENT = """
import contextlib
from cardcore.cli.root import run
name, profile, folder, control = readers
held = [control.encode(), bytes.fromhex(control), bytes.fromhex(f"2{len(control):x}{control:f<14}"), control]
held += [control.encode("utf-16-le"), control.encode().hex(), held[0].ljust(8, b"\\xff")]
statuses = []
with open(folder + "/log", "w") as log, contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
    for number, words in enumerate((["verify"], ["change"], ["verify"])):
        line = ["--json", "-vv", "--trace", f"{folder}/{number}.trace", "--reader", name, "--profile", profile]
        statuses.append(run([*line, "pin", *words]))
say(statuses)
wait()
say(len(held))
"""


def forms(digits: str) -> dict[str, bytes]:
    """How a PIN could stand in memory or in a file."""
    return {
        "ASCII": digits.encode(),
        "BCD": bytes.fromhex(digits),
        "format 2": bytes.fromhex(f"2{len(digits):x}{digits:f<14}"),
        "UTF-16": digits.encode("utf-16-le"),
        "hexadecimal": digits.encode().hex().encode(),
    }


def found_in(content: bytes, digits: str) -> set[str]:
    return {form for form, what in forms(digits).items() if what in content}


@pytest.fixture(scope="module")
def bench() -> Iterator[PadBench]:
    with pad_bench() as running:
        yield running


@pytest.mark.parametrize(("form", "reader"), list(zip(FORMATS, cycle(READERS), strict=False)))
def test_the_pin_is_nowhere(bench: PadBench, form: str, reader: str, tmp_path: Path) -> None:
    old, new = (SHORT_SECRET, NEW_SHORT_SECRET) if form == "ascii-8" else (SECRET, NEW_SECRET)
    card, person = PinCard(), bench.reader(reader).person
    card.prepare(form)
    card.set_pin(old, knows=new)
    bench.insert(reader, card)
    person.forget()
    person.will(old, old, new, new, new)
    arguments = (bench.service.full_name(reader), str(PROFILES / f"{form}.yaml"), str(tmp_path), CONTROL)
    with client(bench.service.env, CLIENT, *arguments) as peer:
        assert peer.hear() == [0, 0, 0]
        own, service = memory(peer.process.pid), memory(bench.service.process.pid)
        peer.go_on()
        assert peer.hear() == 7
        peer.end()
    assert len(card.seen) == 3
    assert card.pin == new
    written = b"".join(path.read_bytes() for path in sorted(tmp_path.iterdir()))
    for digits in (old, new):
        assert found_in(own, digits) == found_in(service, digits) == found_in(written, digits) == set()
    assert found_in(own, CONTROL) == set(forms(CONTROL)), "the scan finds what is there"
    check_that_it_was_recorded(tmp_path)
    bench.reader(reader).remove()
    bench.expect(reader, "empty")


def check_that_it_was_recorded(folder: Path) -> None:
    """The traces and the log hold what they should, or nothing would be shown by what they do not hold."""
    for number in range(3):
        lines = [json.loads(line) for line in (folder / f"{number}.trace").read_text(encoding="utf-8").splitlines()]
        assert [line for line in lines if "control" in line and line["r"] == "9000"], "the entry is in the trace"
    log = (folder / "log").read_text(encoding="utf-8")
    assert '"prompt"' in log
    assert "> 00200080" in log
    assert "> control 4233" in log


def test_a_pin_that_comes_from_elsewhere_is_found(bench: PadBench, tmp_path: Path) -> None:
    """The same scan of the same client, when the PIN goes through it."""
    card = PinCard()
    card.set_pin(SHORT_SECRET, knows=NEW_SHORT_SECRET)
    bench.insert(READERS[0], card)
    script = CLIENT.replace('(["verify"], ["change"], ["verify"])', '(["verify", "--pin", "file:" + folder + "/pin"],)')
    script = script.replace("say(statuses)", 'kept = open(folder + "/pin", "rb").read()\nsay(statuses)')
    (tmp_path / "pin").write_text(SHORT_SECRET, encoding="ascii")
    arguments = (bench.service.full_name(READERS[0]), str(PROFILES / "ascii-8.yaml"), str(tmp_path), CONTROL)
    with client(bench.service.env, script, *arguments) as peer:
        assert peer.hear() == [0]
        assert "ASCII" in found_in(memory(peer.process.pid), SHORT_SECRET)
        peer.go_on()
        peer.hear()
        peer.end()
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.name != "pin")
    assert found_in(written, SHORT_SECRET) == set()
    assert b"**" in written
