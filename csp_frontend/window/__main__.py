"""Shows the window that the agent orders over standard input, and says on standard output how it was answered."""

from __future__ import annotations

import os
import sys
import threading
import traceback
from types import TracebackType
from typing import BinaryIO

from cardcore import forbid_core_dumps
from csp_frontend.prompts import Wanted
from csp_frontend.window import messages
from csp_frontend.window.messages import Kind, Order, Reply

_POLL_MS = 50


def main() -> int:
    """One window. It also ends when the agent closes the pipe: nobody wants the answer any more."""
    forbid_core_dumps()
    with (
        os.fdopen(os.dup(sys.stdin.fileno()), "rb", buffering=0) as source,
        os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0) as sink,
    ):
        try:
            reply = _shown(messages.receive_order(source), source)
        except EOFError:
            return 0
        except Exception as error:
            reply = Reply(kind=Kind.FAILED, reason=_reason(error))
        try:
            messages.send_reply(sink, reply)
        except OSError:
            return 1  # the agent has gone meanwhile
    return 0


def _reason(error: Exception) -> str:
    """Where it went wrong, and what the toolkit says of it; other messages may hold anything, and are not told."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    told = f": {error}" if type(error).__name__ in ("TclError", "ModuleNotFoundError") else ""
    return f"{type(error).__name__} in {os.path.basename(where.filename)}, line {where.lineno}{told}"


def _shown(order: Order, source: BinaryIO) -> Reply:
    """Run the window to its end. The toolkit is imported here: not every Python has it."""
    from csp_frontend.window.countdown import Countdown
    from csp_frontend.window.look import start_toolkit
    from csp_frontend.window.question import Question
    from csp_frontend.window.shell import Shell
    from csp_frontend.window.words import Words

    root = start_toolkit()
    faults: list[BaseException] = []

    def failed(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        faults.append(error)
        root.quit()

    root.report_callback_exception = failed
    words, request = Words(), order.request
    subject = words("admin key") if request.wanted is Wanted.ADMIN else request.label
    shell = Shell(root, words, subject, request.window)
    if order.seconds:
        Countdown(shell, order)
    else:
        Question(shell, request)
    gone = threading.Event()
    threading.Thread(target=_await_end, args=(source, gone), name="end of the pipe", daemon=True).start()

    def look() -> None:
        if gone.is_set():
            shell.cancel()
        root.after(_POLL_MS, look)

    look()
    shell.show()
    root.mainloop()
    reply = shell.reply or Reply(kind=Kind.CANCELLED)
    root.destroy()
    if faults:
        raise faults[0]
    return reply


def _await_end(source: BinaryIO, gone: threading.Event) -> None:
    """The agent says nothing more; what can be read is the end."""
    source.read(1)
    gone.set()


if __name__ == "__main__":
    sys.exit(main())
