"""Asks in a window: starts the program that shows it, and takes its answer."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import BinaryIO, cast

from csp_frontend.prompts import Answer, Keypad, NewPin, PinRequest
from csp_frontend.window import messages
from csp_frontend.window.messages import Kind, Order, Reply

LOG = logging.getLogger("csp_frontend.window")
_COMMAND = (sys.executable, "-P", "-m", "csp_frontend.window")
"""-P: the agent's working directory is the one of whoever started it, and nothing is imported from there."""
_SECRETS = {Kind.PIN: 1, Kind.CHANGE: 2, Kind.UNBLOCK: 2}
_END_SECONDS = 2.0


def screen_is_there() -> bool:
    """Whether a window can be expected to be seen in this session."""
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


class WindowDialog:
    """A `PinDialog` in a process of its own for each question. What was typed is gone with the process."""

    def __init__(self, command: Sequence[str] = _COMMAND) -> None:
        self._command = tuple(command)
        self._lock = threading.Lock()
        self._asking: subprocess.Popen[bytes] | None = None

    def changes_pins(self) -> bool:
        """The window has pages for that."""
        return True

    def ask(self, request: PinRequest) -> Answer | None:
        """Show the question; None if the person cancels, the window is withdrawn, or there cannot be one."""
        process = self._start(Order(request=request))
        if process is None:
            return None
        with self._lock:
            self._asking = process
        try:
            return _answer(messages.receive_reply(_out(process)), request)
        except EOFError:
            LOG.info("the window for the %s was withdrawn", request.label)
        except ValueError:
            LOG.error("the window for the %s gave no answer that is one", request.label)
        finally:
            with self._lock:
                self._asking = None
            _end(process)
        return None

    def withdraw(self) -> None:
        """Take the question off the screen; `ask` returns None then."""
        with self._lock:
            process = self._asking
        if process is not None:
            process.kill()

    def tell(self, request: PinRequest, text: str, seconds: int) -> Callable[[], None]:
        """Show that the keypad waits, beside whatever else is shown; what is returned takes it off the screen."""
        process = self._start(Order(request=request, seconds=seconds))

        def take_off() -> None:
            if process is not None:
                _end(process)

        return take_off

    def _start(self, order: Order) -> subprocess.Popen[bytes] | None:
        try:
            process = subprocess.Popen(  # noqa: S603 - this program's own window
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                creationflags=0x08000000 if sys.platform == "win32" else 0,  # CREATE_NO_WINDOW: no console
            )
        except OSError as error:
            LOG.error("no window for the %s: %s", order.request.label, error.strerror)
            return None
        _let_in_front(process.pid)
        try:
            messages.send_order(cast(BinaryIO, process.stdin), order)
        except OSError:
            LOG.error("the window for the %s ended at once", order.request.label)
            _end(process)
            return None
        return process


def _let_in_front(pid: int) -> None:
    """Hand on the right to be in front, which the program that asks has given to the agent; Windows alone has it."""
    if sys.platform == "win32":
        import ctypes

        ctypes.windll.user32.AllowSetForegroundWindow(ctypes.c_ulong(pid))


def _answer(reply: Reply, request: PinRequest) -> Answer | None:
    """The answer that a reply is; ValueError if it does not answer the question."""
    if len(reply.secrets) not in (0, _SECRETS.get(reply.kind, 0)):
        raise ValueError("a reply with another number of secrets")
    match reply.kind:
        case Kind.PIN if reply.secrets:
            return reply.secrets[0]
        case Kind.CHANGE | Kind.UNBLOCK if reply.secrets or request.keypad:
            code, new = reply.secrets or (None, None)
            return NewPin(unblock=reply.kind is Kind.UNBLOCK, code=code, new=new)
        case Kind.KEYPAD if request.keypad:
            return Keypad.READY
        case Kind.FAILED:
            LOG.warning("nobody can be asked for the %s: the window failed: %s", request.label, reply.reason)
            return None
        case Kind.CANCELLED:
            return None
    raise ValueError("a reply to another question")


def _out(process: subprocess.Popen[bytes]) -> BinaryIO:
    return cast(BinaryIO, process.stdout)


def _end(process: subprocess.Popen[bytes]) -> None:
    """The window ends when its input does; one that does not is ended."""
    for pipe in (process.stdin, process.stdout):
        with suppress(OSError):
            if pipe is not None:
                pipe.close()
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
