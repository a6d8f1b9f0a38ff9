"""The PIN window with cards behind a real PC/SC service: one in a reader, one in a reader with a keypad."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from padreader import PadService

from csp_frontend.client import Client
from csp_frontend.constants import AT_KEYEXCHANGE, Code
from csp_frontend.errors import CspError
from tests.frontend.agents import RunningAgent
from tests.frontend.bench import piv_card
from tests.frontend.cards import PIN, Counter, OpenSsl, make
from tests.frontend.screens import Screen, Window, until
from tests.frontend.signings import MESSAGE, Signing
from tests.simulated.rig import PcscRig

pytestmark = pytest.mark.pcsc

VERIFY = 0x20


def test_a_typed_pin_unlocks_a_signature(tmp_path: Path) -> None:
    played, counter = make("piv"), Counter()
    with Screen() as screen, PcscRig(readers=1) as rig:
        rig.insert(0, played.card, watch=counter)
        env = {**rig.env, **screen.env, "HOME": os.environ["HOME"]}
        with RunningAgent(tmp_path / "agent", env=env, as_command=True) as agent, agent.client("mail") as client:
            work = Signing(client, rig.reader_names[0])
            window = screen.window().ready()
            assert counter.of(VERIFY) == 0
            before = counter.count
            time.sleep(0.3)
            assert counter.count == before, "nothing is held while the person thinks"
            window.type(PIN).press("Return")
            until(lambda: work.has_ended)
            assert work.error is None
            checker = OpenSsl(tmp_path / "openssl", played.certificates["9a"])
            checker.verify(MESSAGE, work.signature[::-1], "sha256")
            assert counter.of(VERIFY) == 1
            assert Signing(client, rig.reader_names[0]).ended().error is None
            assert screen.numbers() == [], "the PIN serves the process that it was entered for"


def counts_down(window: Window, folder: Path) -> None:
    """It looks otherwise after a while, though nobody does anything."""
    first = window.picture(folder / "first.png")
    until(lambda: window.picture(folder / "next.png") != first, "it does not count down")


def test_a_keypad(tmp_path: Path) -> None:
    """The window tells to use it, counts down, and goes by itself: after the PIN, after a cancelled entry."""
    with ExitStack() as stack:
        screen, service = stack.enter_context(Screen()), stack.enter_context(PadService("Pad"))
        person, name = service.readers["Pad"].person, service.full_name("Pad")
        service.readers["Pad"].insert(piv_card())
        env = {**service.env, **screen.env, "HOME": os.environ["HOME"]}
        agent = stack.enter_context(RunningAgent(tmp_path / "agent", env=env, as_command=True))
        for action, code in ((PIN, None), ("cancel", Code.SCARD_W_CANCELLED_BY_USER)):
            client = stack.enter_context(agent.client("mail"))
            wait_for_card(client, name)
            work = Signing(client, name)
            assert person.waits.wait(30)
            window = screen.window()
            counts_down(window, tmp_path)
            person.will(action)
            window.gone()
            assert work.code() is code


def wait_for_card(client: Client, name: str) -> None:
    """Wait until the agent has read the card in a reader."""
    said: list[CspError] = []

    def present() -> bool:
        try:
            client.CPGetUserKey(client.CPAcquireContext(f"\\\\.\\{name}\\", 0), AT_KEYEXCHANGE)
        except CspError as error:
            said[:] = [error]
        else:
            said.clear()
        return not said

    until(present, lambda: f"the card is not read: {said}")
