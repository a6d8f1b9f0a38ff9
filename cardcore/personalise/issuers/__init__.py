"""Issuers of certificates: a local CA, a CA key on a card, a command, EST, CMP, or requests out and certificates in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from cardcore.errors import NotSupported

if TYPE_CHECKING:
    from cardcore.personalise.issuers.base import Issuer
    from cardcore.personalise.issuers.settings import IssuerSettings


_NO_CMP = "CMP is read in plans, and not spoken yet"
_INSTEAD = "Use `est`, or `command` with a program that speaks CMP (openssl cmp)."


def require_spoken(settings: Iterable[IssuerSettings]) -> None:
    """NotSupported if one of these issuers wants a protocol that is not spoken yet, before any card is touched."""
    from cardcore.personalise.issuers.settings import CmpCa

    if any(isinstance(one, CmpCa) for one in settings):
        raise NotSupported(_NO_CMP, hint=_INSTEAD)


def open_issuer(settings: IssuerSettings) -> Issuer:
    """The issuer of these settings, its certificates checked as they say. InputError for files that cannot be used.

    Nothing is sent to an issuer, and no PIN asked for, before the first order.
    """
    from cardcore.personalise.issuers.checking import CheckedIssuer

    return CheckedIssuer(_opened(settings), settings.checks)


def _opened(settings: IssuerSettings) -> Issuer:
    from cardcore.personalise.issuers import command, est, local, offline, oncard
    from cardcore.personalise.issuers.settings import CardCa, CommandCa, EstCa, LocalCa, Offline

    match settings:
        case LocalCa():
            return local.open_local(settings)
        case CardCa():
            return oncard.open_on_card(settings)
        case CommandCa():
            return command.CommandIssuer(settings)
        case EstCa():
            return est.EstIssuer(settings)
        case Offline():
            return offline.OfflineIssuer(settings)
        case _:
            raise NotSupported(_NO_CMP, hint=_INSTEAD)
