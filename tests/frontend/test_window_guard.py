"""What is typed for another window, or clicked where another one was, is not taken."""

from __future__ import annotations

import pytest

from csp_frontend.window.entry import modifiers
from csp_frontend.window.guard import QUIET_SECONDS, KeyGuard

PAUSE = QUIET_SECONDS + 0.01


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def guarded() -> tuple[KeyGuard, Clock]:
    clock = Clock()
    guard = KeyGuard(clock)
    guard.appeared()
    return guard, clock


def test_closed_at_first_open_after_a_pause() -> None:
    guard, clock = guarded()
    seen = [guard.is_open]
    clock.now += PAUSE
    assert [*seen, guard.is_open] == [False, True]
    assert guard.takes_key()
    assert guard.swallowed == 0


def test_somebody_who_goes_on_typing_is_never_listened_to() -> None:
    guard, clock = guarded()
    for _ in range(100):
        assert not guard.takes_key()
        clock.now += PAUSE * 0.9
    assert guard.swallowed == 100
    clock.now += PAUSE
    assert guard.takes_key()


def test_it_closes_when_the_keyboard_comes_back_from_another_program() -> None:
    guard, clock = guarded()
    clock.now += PAUSE
    assert guard.takes_key()
    clock.now += 60
    guard.close()
    assert not guard.takes_key()


def test_a_click_is_meant_unless_the_window_came_under_the_pointer() -> None:
    guard, clock = guarded()
    assert not guard.click()
    assert not guard.is_open
    clock.now += PAUSE
    guard.close()
    assert guard.click()
    assert guard.takes_key()


@pytest.mark.parametrize(
    ("system", "state", "held"),
    [
        ("x11", 0x10, (False, False)),  # NumLock
        ("x11", 0x8, (False, True)),
        ("x11", 0x4, (True, False)),
        ("x11", 0x80, (False, False)),  # the third level of a keyboard
        ("win32", 0x8, (False, False)),  # NumLock
        ("win32", 0x20000, (False, True)),
        ("win32", 0x20004, (True, True)),  # the third level of a keyboard
        ("aqua", 0x8, (True, False)),  # command
        ("aqua", 0x10, (False, False)),  # option
    ],
)
def test_modifier_keys(system: str, state: int, held: tuple[bool, bool]) -> None:
    """As Tk's own sources have them: they differ between the systems."""
    assert modifiers(system, state) == held
