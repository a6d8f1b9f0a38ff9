"""Issuers of certificates: a local CA, a CA key on a card, a command, EST, CMP, or requests out and certificates in."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cardcore.personalise.issuers.base import Issuer
    from cardcore.personalise.issuers.checking import Checker
    from cardcore.personalise.issuers.settings import IssuerSettings


def open_issuer(settings: IssuerSettings) -> Issuer:
    """The issuer of these settings, its certificates checked as they say. InputError for files that cannot be used.

    Nothing is sent to an issuer, and no PIN asked for, before the first order.
    """
    from cardcore.personalise.issuers.checking import CheckedIssuer, Checker

    checker = Checker(settings.checks)
    return CheckedIssuer(_opened(settings, checker), checker)


def _opened(settings: IssuerSettings, checker: Checker) -> Issuer:
    """The issuer; what a kind needs is imported only if it is that kind."""
    from cardcore.personalise.issuers.settings import CardCa, CmpCa, CommandCa, EstCa, LocalCa, Offline

    match settings:
        case LocalCa():
            from cardcore.personalise.issuers import local

            return local.open_local(settings)
        case CardCa():
            from cardcore.personalise.issuers import oncard

            return oncard.open_on_card(settings)
        case CommandCa():
            from cardcore.personalise.issuers import command

            return command.CommandIssuer(settings)
        case EstCa():
            from cardcore.personalise.issuers import est

            return est.EstIssuer(settings)
        case CmpCa():
            from cardcore.personalise.issuers import cmp

            return cmp.CmpIssuer(settings, checker)
        case Offline():
            from cardcore.personalise.issuers import offline

            return offline.OfflineIssuer(settings)
