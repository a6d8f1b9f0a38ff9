"""The directory of ISO 7816-15 (PKCS#15) cards, read and kept up to date whatever the card's family."""

from cardcore.directory.pkcs15.directory import Pkcs15Directory

__all__ = ["Pkcs15Directory"]
