"""In which states the journal's rows can be."""

from __future__ import annotations

from enum import StrEnum


class HolderState(StrEnum):
    """Whether a holder has a card: none yet, one that is being made, one that is finished.

    GONE: none, and none is to be made, because the plan's source of holders does not name him any more.
    """

    WAITING = "waiting"
    ASSIGNED = "assigned"
    DONE = "done"
    GONE = "gone"


class CardState(StrEnum):
    """What became of a card that belongs to a holder.

    ACTIVE: in a reader. PARKED: not finished, for a `Reason`. WAITING: parked until its certificates have come. DONE:
    finished and verified. UNDONE: reset, the holder gets another. REPLACED: the holder gets another, this one may be
    anywhere.
    """

    ACTIVE = "active"
    PARKED = "parked"
    WAITING = "waiting"
    DONE = "done"
    UNDONE = "undone"
    REPLACED = "replaced"


class StepState(StrEnum):
    """STARTED: whether it happened is unknown until it is DONE."""

    STARTED = "started"
    DONE = "done"


class SecretState(StrEnum):
    """PROPOSED: recorded, and the card may have it. CURRENT: the card has it. FORMER: the card has it no longer."""

    PROPOSED = "proposed"
    CURRENT = "current"
    FORMER = "former"


class CertificateState(StrEnum):
    """How far the certificate of a key is.

    REQUESTED: signed by the key, not ordered. ORDERED: the issuer may have issued it. PENDING: it answers later.
    ISSUED: here. WRITTEN: on the card.
    """

    REQUESTED = "requested"
    ORDERED = "ordered"
    PENDING = "pending"
    ISSUED = "issued"
    WRITTEN = "written"
