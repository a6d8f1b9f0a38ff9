"""The OpenPGP application (Functional Specification of the OpenPGP application on ISO smart cards, version 3.4)."""

from cardcore.softcard.openpgp.application import OpenPgpApplication

APPLICATION = OpenPgpApplication

__all__ = ["APPLICATION", "OpenPgpApplication"]
