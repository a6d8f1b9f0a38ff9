"""Connections to cards: the protocol that all of them keep (`base`), PC/SC (`pcsc`), and test doubles for both ends."""
