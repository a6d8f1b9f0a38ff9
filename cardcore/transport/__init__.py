"""Connections to cards: the protocol that all of them keep, and the test doubles. PC/SC is in `transport.pcsc`."""

from cardcore.transport.base import OPEN, CardProtocol, Mask, Transport
from cardcore.transport.faults import CountingTransport, FaultKind, FaultPlan, FaultTransport
from cardcore.transport.recorder import RecorderTransport, open_trace
from cardcore.transport.replay import ReplayTransport

__all__ = [
    "OPEN",
    "CardProtocol",
    "CountingTransport",
    "FaultKind",
    "FaultPlan",
    "FaultTransport",
    "Mask",
    "RecorderTransport",
    "ReplayTransport",
    "Transport",
    "open_trace",
]
