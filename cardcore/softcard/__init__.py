"""A software card: an ISO 7816 card in Python, kept in a file, with several applications.

It shares nothing with the driver but the encodings (`tlv`, `apdu`, `sw`, `errors`), so that a fault in one
cannot hide a fault in the other.
"""

from cardcore.softcard.card import SoftCard
from cardcore.softcard.personality import DEFAULT_COST, ScryptCost, Secrets
from cardcore.softcard.registry import application_names, factory_secrets, volatile_card
from cardcore.softcard.store import SoftCardInfo, SoftCardStore
from cardcore.softcard.vpcd import serve

__all__ = [
    "DEFAULT_COST",
    "ScryptCost",
    "Secrets",
    "SoftCard",
    "SoftCardInfo",
    "SoftCardStore",
    "application_names",
    "factory_secrets",
    "serve",
    "volatile_card",
]
