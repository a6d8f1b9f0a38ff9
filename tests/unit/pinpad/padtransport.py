"""A reader with a keypad that does as a test tells it, around any transport."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cardcore.errors import TransportError
from cardcore.pinpad.features import feature_request
from cardcore.transport.base import Transport
from cardcore.transport.wrapper import TransportWrapper

BASE = 0x42330000
DIRECT = (0x06, 0x07)
STEPS = (0x01, 0x02, 0x03, 0x04, 0x05, 0x0B)
TLV = 0x12
Reply = bytes | TransportError | Callable[[bytes], bytes]


class PadTransport(TransportWrapper):
    """Offers `features` under codes of its own, and answers each as `replies` says.

    `asked` holds the features that were used, with their data.
    """

    def __init__(self, inner: Transport, features: tuple[int, ...], replies: Mapping[int, Reply] | None = None) -> None:
        super().__init__(inner)
        self.features = features
        self.replies = dict(replies or {})
        self.asked: list[tuple[int, bytes]] = []

    def control(self, code: int, data: bytes = b"") -> bytes:
        """The list of features, or what the test says."""
        if code == feature_request():
            return b"".join(bytes((tag, 4)) + (BASE + tag).to_bytes(4) for tag in self.features)
        feature = code - BASE
        assert feature in self.features, f"{code:08X} was not offered"
        self.asked.append((feature, data))
        reply = self.replies.get(feature, b"")
        if isinstance(reply, TransportError):
            raise reply
        return reply(data) if callable(reply) else reply
