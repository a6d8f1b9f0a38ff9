"""A direct-APDU smart-card driver with card profiles.

The public face: `open_card` gives a `Card`; everything it raises is a `CardError`. Names are loaded when they are
first used, so that importing the package costs nothing and touches no device.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cardcore.authentication import PinStatus as PinStatus
    from cardcore.card import Card as Card
    from cardcore.directory import KeyInfo as KeyInfo
    from cardcore.errors import CardError as CardError
    from cardcore.errors import PinBlocked as PinBlocked
    from cardcore.errors import PinEntryError as PinEntryError
    from cardcore.errors import PinError as PinError
    from cardcore.opening import open_card as open_card
    from cardcore.opening import open_transport as open_transport
    from cardcore.pinpad.given import PinPad as PinPad
    from cardcore.profile.known_atrs import KnownAtr as KnownAtr
    from cardcore.profile.known_atrs import known_atrs as known_atrs
    from cardcore.profile.model import KeySlot as KeySlot
    from cardcore.profile.model import KeySpec as KeySpec
    from cardcore.profile.model import PinPolicy as PinPolicy
    from cardcore.profile.model import Scheme as Scheme
    from cardcore.profile.model import TouchPolicy as TouchPolicy
    from cardcore.profile.model import Usage as Usage
    from cardcore.secret import Secret as Secret
    from cardcore.secret import forbid_core_dumps as forbid_core_dumps
    from cardcore.softcard import SoftCardStore as SoftCardStore
    from cardcore.transport.pcsc import list_readers as list_readers
    from cardcore.transport.reader_list import ReaderList as ReaderList

__version__ = "0.1.0"

_HOMES = {
    "Card": "cardcore.card",
    "CardError": "cardcore.errors",
    "KeyInfo": "cardcore.directory",
    "KeySlot": "cardcore.profile.model",
    "KeySpec": "cardcore.profile.model",
    "KnownAtr": "cardcore.profile.known_atrs",
    "PinBlocked": "cardcore.errors",
    "PinEntryError": "cardcore.errors",
    "PinError": "cardcore.errors",
    "PinPad": "cardcore.pinpad.given",
    "PinPolicy": "cardcore.profile.model",
    "PinStatus": "cardcore.authentication",
    "ReaderList": "cardcore.transport.reader_list",
    "Scheme": "cardcore.profile.model",
    "Secret": "cardcore.secret",
    "SoftCardStore": "cardcore.softcard",
    "TouchPolicy": "cardcore.profile.model",
    "Usage": "cardcore.profile.model",
    "forbid_core_dumps": "cardcore.secret",
    "known_atrs": "cardcore.profile.known_atrs",
    "list_readers": "cardcore.transport.pcsc",
    "open_card": "cardcore.opening",
    "open_transport": "cardcore.opening",
}

__all__ = ["__version__", *_HOMES]  # noqa: PLE0604 - the table is the one list of public names


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
