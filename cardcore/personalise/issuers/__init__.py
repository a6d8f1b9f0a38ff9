"""Issuers of certificates: a local CA, a CA key on a card, a command, EST, CMP, or requests out and certificates in."""
