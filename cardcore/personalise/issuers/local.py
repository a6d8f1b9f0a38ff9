"""A CA whose key is a file."""

from __future__ import annotations

from cardcore.personalise.issuers import files
from cardcore.personalise.issuers.settings import LocalCa
from cardcore.personalise.issuers.signing import SigningCa
from cardcore.personalise.requests import software_signer


def open_local(settings: LocalCa) -> SigningCa:
    """The CA, its key in memory; InputError that names the file with which something is wrong."""
    found = files.identity(settings.key, settings.certificate, settings.passphrase)
    signer = software_signer(found.key, settings.rules.hash_name)
    return SigningCa(found.certificates, signer.sign, settings.rules, lambda: None)
