"""From a call on the wire to a function of the provider, and from its end to the reply and a line in the log."""

from __future__ import annotations

import json
import logging
import threading
import traceback
from collections.abc import Callable, Mapping

from cardcore.errors import CardError
from csp_frontend import marshalling, wire
from csp_frontend.agent_calls import OWN_CALLS, AgentCall
from csp_frontend.agent_clients import Answer
from csp_frontend.calls import BY_NUMBER, Call
from csp_frontend.certificates import Busy, CertificateKeeper
from csp_frontend.constants import Code
from csp_frontend.dialog import DialogQueue
from csp_frontend.errors import CspError, from_card
from csp_frontend.provider import ClientSession
from csp_frontend.store_calls import order_values, to_report
from csp_frontend.wire import Value, WireError

LOG = logging.getLogger("csp_frontend.calls")
_USUAL = frozenset({Code.ERROR_MORE_DATA, Code.ERROR_NO_MORE_ITEMS})


class AgentSession:
    """One client process as the agent keeps it: the provider's session, and whether the process is still there."""

    def __init__(
        self,
        session: ClientSession,
        dialog: DialogQueue,
        *,
        name: str,
        status: Callable[[], Mapping[str, object]],
        stop: Callable[[], None],
        certificates: CertificateKeeper,
    ) -> None:
        self.session = session
        self._dialog = dialog
        self._name = name
        self._status = status
        self._stop = stop
        self._certificates = certificates
        self._gone = threading.Event()

    def answer(self, call: wire.Call) -> Answer:
        """Run one call. WireError if there is no such call, or its parameters are not those of the function."""
        if call.number in OWN_CALLS:
            own = AgentCall(call.number)
            return self._store(call) if own is AgentCall.STORE else (0, self._own(own, call))
        function = BY_NUMBER.get(call.number)
        if function is None:
            raise WireError(f"the unknown call {call.number}")
        arguments = marshalling.to_arguments(function, call.values)
        try:
            with self._dialog.working_for(self._gone):
                answer = self.session.call(function.name, arguments, thread=call.thread)
            return 0, marshalling.answer_values(answer)
        except CspError as error:
            return self._failed(function, error)
        except CardError as error:
            return self._failed(function, from_card(error))
        except Exception as error:  # a fault of the agent is the answer to one call, not its end
            where = "".join(traceback.format_tb(error.__traceback__))  # without the message: who knows what is in it
            LOG.error("%s: %s: %s\n%s", self._name, function.name, type(error).__name__, where.rstrip())
            return self._failed(function, CspError(Code.NTE_FAIL, f"fault of the agent: {type(error).__name__}"))

    def remembered(self) -> list[tuple[str, str]]:
        """For which tokens which PINs are remembered, by their names."""
        return self.session.owner.names()

    def cancel(self) -> None:
        """The process has gone in the middle of a call: withdraw its question, free its handles and PINs now.

        What it had unlocked is locked when the card has done with the call; nobody here waits for that.
        """
        self._leave()
        threading.Thread(target=self.session.close, name="agent frees a client", daemon=True).start()

    def close(self) -> None:
        """Free what the process had."""
        self._leave()
        self.session.close()

    def _leave(self) -> None:
        self._gone.set()
        self._certificates.release(self)

    def _store(self, call: wire.Call) -> Answer:
        """A helper asks what is to be done to the certificate stores."""
        ours, refused = to_report(call.values)
        try:
            return 0, order_values(self._certificates.next(self, ours, refused))
        except Busy:
            return wire.BUSY, ()

    def _own(self, number: AgentCall, call: wire.Call) -> tuple[Value, ...]:
        if call.values:
            raise WireError(f"{number.name.lower()} with parameters")
        if number is AgentCall.STATUS:
            document = json.dumps(self._status()).encode()[: wire.MESSAGE_SIZE]
            return (Value(kind=wire.Kind.BYTES, content=document),)
        if number is AgentCall.STOP:
            LOG.info("%s: asks the agent to stop", self._name)
            self._stop()
        return ()

    def _failed(self, function: Call, error: CspError) -> Answer:
        level = logging.DEBUG if error.code in _USUAL else logging.WARNING
        said = one_line(error.message)
        LOG.log(level, "%s: %s: %s (%08X) %s", self._name, function.name, error.code.name, error.code, said)
        return int(error.code), marshalling.size_values(error.size)


def one_line(text: str) -> str:
    """A message on one line."""
    return " ".join(text.split())
