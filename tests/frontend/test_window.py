"""The PIN window of the agent, on a screen with a keyboard: what a person does there, and what becomes of it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cardcore import PinStatus, SoftCardStore, open_card
from cardcore.errors import PinError
from cardcore.softcard import ScryptCost
from csp_frontend.constants import AT_KEYEXCHANGE, Alg, Code, Nx, SetPp
from tests.frontend.agents import RunningAgent
from tests.frontend.bench import ADMIN_TEXT, PIN, SILENT, WRONG, certificate_of, other_key
from tests.frontend.screens import Screen
from tests.frontend.signings import Signing

PUK, NEW = "12345678", "654321"
LAST_TRY = "alt+i"


class Desk:
    """A person's place: screen, agent, and software cards that are made as they are needed."""

    def __init__(self, screen: Screen, agent: RunningAgent, cards: Path) -> None:
        self.screen = screen
        self.agent = agent
        self._store = SoftCardStore(cards)
        self._count = 0

    def card(self, *, wrong: int = 0) -> str:
        """A new card with a key and its certificate, for whose PIN so many wrong ones were tried; its reader."""
        self._count += 1
        name = f"card{self._count}"
        self._store.create(name, "piv", cost=ScryptCost(n=16))
        reader = f"soft:{name}"
        with open_card(reader) as card:
            card.authenticate_admin(bytes.fromhex(ADMIN_TEXT))
            card.import_key("9a", other_key(0))
            card.write_certificate("9a", certificate_of(0))
            for _ in range(wrong):
                with pytest.raises(PinError):
                    card.verify(WRONG, last_try=True)
        return reader

    @staticmethod
    def status(reader: str, name: str = "user") -> PinStatus:
        """The state of the PIN."""
        with open_card(reader) as card:
            return card.pin_status(name)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with pytest.MonkeyPatch.context() as patch, Screen() as screen:
        cards = tmp_path_factory.mktemp("cards")
        patch.setenv("CARDCORE_SOFT_DIR", str(cards))
        env = {**os.environ, **screen.env}
        with RunningAgent(tmp_path_factory.mktemp("agent"), env=env, as_command=True) as agent:
            yield Desk(screen, agent, cards)


@contextmanager
def signing(desk: Desk, reader: str, flags: int = 0) -> Iterator[Signing]:
    with desk.agent.client("letter writer") as client:
        yield Signing(client, reader, flags)


def test_a_pin_that_is_typed_signs(desk: Desk) -> None:
    with signing(desk, desk.card()) as work:
        window = desk.screen.window().ready()
        window.type(PIN).press("Return")
        assert work.code() is None
        window.gone()


@pytest.mark.parametrize("how", ["Escape", "alt+c", "Tab Tab Tab space"])
def test_cancelling(desk: Desk, how: str) -> None:
    with signing(desk, desk.card()) as work:
        desk.screen.window().ready().type("12").press(*how.split())
        assert work.code() is Code.SCARD_W_CANCELLED_BY_USER


def test_a_program_that_must_not_ask_makes_no_window_appear(desk: Desk) -> None:
    appeared: list[str] = []
    with signing(desk, desk.card(), SILENT) as work:
        while not work.has_ended:
            appeared += desk.screen.numbers()
        assert work.code() is Code.NTE_SILENT_CONTEXT
    assert appeared + desk.screen.numbers() == []


def test_a_wrong_pin_is_asked_for_again(desk: Desk) -> None:
    reader = desk.card()
    with signing(desk, reader) as work:
        first = desk.screen.window().ready()
        first.type(WRONG).press("Return")
        second = desk.screen.window(first).ready()
        assert desk.status(reader).tries_left == 2
        second.type(PIN).press("KP_Enter")
        assert work.code() is None


def test_the_last_try_has_to_be_confirmed(desk: Desk) -> None:
    reader = desk.card(wrong=2)
    with signing(desk, reader) as work:
        window = desk.screen.window().ready()
        window.type(PIN).press("Return", "Return", "alt+o")
        assert window.ready().is_there
        assert desk.status(reader).tries_left == 1
        window.press(LAST_TRY, "alt+p", "Return")
        assert work.code() is None


def test_what_is_no_digit_is_left_out_and_so_is_what_is_too_much(desk: Desk) -> None:
    with signing(desk, desk.card()) as work:
        window = desk.screen.window().ready()
        window.type("a1-2b3").press("ctrl+v", "BackSpace", "BackSpace").type("2345678999")
        window.press(*["BackSpace"] * 2, "Return")
        assert work.code() is None


def test_keys_that_were_meant_for_another_window(desk: Desk) -> None:
    """Somebody types 9 all the time; the window gets the keyboard in the middle of that."""
    reader = desk.card()
    with signing(desk, reader) as work:
        window = desk.screen.window()
        for _ in range(12):
            window.type("9").press("Return")
        assert not work.has_ended
        window.ready().type(PIN).press("Return")
        assert work.code() is None


def test_the_pin_is_changed_in_passing(desk: Desk) -> None:
    reader = desk.card()
    with signing(desk, reader) as work:
        first = desk.screen.window().ready().press("alt+h")
        first.type(PIN).press("Return").type(NEW).press("Return").type(WRONG).press("Return")
        first.press(*["BackSpace"] * 6).type(NEW).press("Return")
        second = desk.screen.window(first).ready()
        with open_card(reader) as card:
            card.verify(NEW)
        second.type(NEW).press("Return")
        assert work.code() is None


def test_a_wrong_old_pin_changes_nothing(desk: Desk) -> None:
    reader = desk.card()
    with signing(desk, reader) as work:
        first = desk.screen.window().ready().press("alt+h")
        first.type(WRONG).press("Tab").type(NEW).press("Tab").type(NEW).press("Tab", "Tab", "Tab", "space")
        second = desk.screen.window(first).ready()
        assert desk.status(reader).tries_left == 2
        second.type(PIN).press("Return")
        assert work.code() is None


def test_a_blocked_pin_is_unblocked_in_passing(desk: Desk) -> None:
    reader = desk.card(wrong=2)
    with signing(desk, reader) as work:
        first = desk.screen.window().ready().type(WRONG).press(LAST_TRY, "alt+p", "Return")
        second = desk.screen.window(first).ready()
        assert desk.status(reader).blocked
        second.press("alt+u").type(PUK).press("Return").type(NEW).press("Return").type(NEW).press("Return")
        third = desk.screen.window(second).ready()
        assert desk.status(reader).tries_left == 3
        third.type(NEW).press("Return")
        assert work.code() is None


def test_a_pin_that_stays_blocked(desk: Desk) -> None:
    reader = desk.card(wrong=3)
    with signing(desk, reader) as work:
        first = desk.screen.window().ready().press("alt+u")
        first.type("00000000").press("Return").type(NEW).press("Return").type(NEW).press("Return")
        second = desk.screen.window(first).ready()
        assert desk.status(reader, "puk").tries_left == 2
        second.press("Escape")
        assert work.code() is Code.NTE_FAIL
        assert work.nx == Nx.ERROR_NX_PIN_BLOCKED


def test_the_question_of_a_program_that_ends_is_withdrawn(desk: Desk) -> None:
    reader = desk.card()
    calls = (
        *("CPAcquireContext", f"container=\\\\.\\{reader}\\", "as=c", "then"),
        *("CPCreateHash", "context=@c", "algorithm=CALG_SHA_256", "as=h", "then"),
        *("CPSignHash", "context=@c", "hash=@h", "key_spec=1"),
    )
    with subprocess.Popen([sys.executable, "-m", "csp_frontend", "call", *calls], env=desk.agent.env) as program:
        window = desk.screen.window()
        program.kill()
    window.gone()
    with signing(desk, reader) as other:
        desk.screen.window(window).ready().type(PIN).press("Return")
        assert other.code() is None


def test_the_admin_key_is_asked_for_too(desk: Desk) -> None:
    reader = desk.card()
    with desk.agent.client("maker") as client:
        context = client.CPAcquireContext(f"\\\\.\\{reader}\\", 0x8)
        made: list[int] = []
        thread = threading.Thread(target=lambda: made.append(client.CPGenKey(context, 2, 0x04000002)))
        thread.start()
        desk.screen.window().ready("admin key").type(ADMIN_TEXT).press("Return")
        thread.join(60)
        assert made


def test_a_pin_that_the_program_set_needs_no_window(desk: Desk) -> None:
    reader = desk.card()
    with desk.agent.client("knows it") as client:
        context = client.CPAcquireContext(f"\\\\.\\{reader}\\", 0)
        client.CPSetProvParam(context, SetPp.PP_KEYEXCHANGE_PIN, PIN.encode(), 0)
        handle = client.CPCreateHash(context, Alg.CALG_SHA_256, 0, 0)
        assert client.CPSignHash(context, handle, AT_KEYEXCHANGE, None, 0, 256).data
    assert desk.screen.numbers() == []


@pytest.mark.parametrize(
    ("display", "said"), [("", "nobody can be asked for the PIN"), (":7777", "the window failed: TclError")]
)
def test_without_a_screen_it_is_as_if_the_person_had_cancelled(
    desk: Desk, tmp_path: Path, display: str, said: str
) -> None:
    env = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    env |= {"DISPLAY": display} if display else {}
    with RunningAgent(tmp_path / "agent", env=env, as_command=True) as agent, agent.client() as client:
        assert Signing(client, desk.card()).code() is Code.SCARD_W_CANCELLED_BY_USER
        assert said in agent.log


def test_what_was_typed_is_in_no_log(desk: Desk) -> None:
    for text in (PIN, NEW, WRONG, PUK, ADMIN_TEXT):
        assert text not in desk.agent.log
