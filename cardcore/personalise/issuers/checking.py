"""What an issuer returned, checked before it goes to a card: certificates are hostile input like any other."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cardcore.errors import CardError
from cardcore.keytypes import load_certificate
from cardcore.personalise.certificate_contents import extensions
from cardcore.personalise.issuers import chains, files
from cardcore.personalise.issuers.base import Issued, Issuer, Order, Pending, WrongCertificate
from cardcore.personalise.issuers.settings import Checks, Strictness
from cardcore.personalise.requests import requested_key

if TYPE_CHECKING:
    from cryptography import x509

    from cardcore.keytypes import PublicKey

_TOLERANCE = timedelta(days=1)
"""By how much a validity may be longer than was asked for: some CAs round up to the end of the day."""


class Checker:
    """Checks certificates as the plan says."""

    def __init__(self, checks: Checks) -> None:
        self._strictness = checks.contents
        self._anchors = () if checks.trust is None else files.certificates(checks.trust)

    def checked(self, order: Order, answer: Issued) -> Issued:
        """The answer with warnings about what is not as it was ordered; WrongCertificate if it must not be used."""
        try:
            certificate = load_certificate(answer.certificate)
            _refuse_useless(certificate, requested_key(order.request))
            found = tuple(differences(order, certificate))
            if self._anchors:
                chain = [load_certificate(der) for der in answer.chain]
                _verify_chain(certificate, chain, self._anchors)
        except WrongCertificate:
            raise
        except (CardError, *chains.UNREADABLE) as error:
            raise WrongCertificate(f"the issuer returned an unusable certificate: {error}") from error
        if found and self._strictness is Strictness.DENY:
            raise WrongCertificate(
                f"the certificate {certificate.serial_number:x} is not as it was ordered: {'; '.join(found)}",
                hint="Change the plan, or let it be reported only (contents: warn); the issuer may have to revoke it.",
            )
        return Issued(certificate=answer.certificate, chain=answer.chain, warnings=answer.warnings + found)


class CheckedIssuer:
    """An issuer whose certificates are checked; WrongCertificate for one that must not be used."""

    def __init__(self, issuer: Issuer, checker: Checker) -> None:
        self._issuer = issuer
        self._checker = checker

    def order(self, order: Order) -> Issued | Pending:
        """Order a certificate and check it."""
        return self._checked(order, self._issuer.order(order))

    def ask(self, order: Order, token: str) -> Issued | Pending:
        """Ask for a certificate and check it."""
        return self._checked(order, self._issuer.ask(order, token))

    def close(self) -> None:
        """Close the issuer."""
        self._issuer.close()

    def _checked(self, order: Order, answer: Issued | Pending) -> Issued | Pending:
        return answer if isinstance(answer, Pending) else self._checker.checked(order, answer)


def _refuse_useless(certificate: x509.Certificate, public: PublicKey) -> None:
    """WrongCertificate for what no plan can have meant: another key's, a CA's, an expired one."""
    from cryptography import x509

    serial = f"the certificate {certificate.serial_number:x}"
    try:
        same = certificate.public_key() == public
    except chains.UNREADABLE:
        same = False
    if not same:
        raise WrongCertificate(f"{serial} is for another key than the one in the request")
    if certificate.not_valid_after_utc <= datetime.now(UTC):
        raise WrongCertificate(f"{serial} expired on {certificate.not_valid_after_utc:%Y-%m-%d}")
    constraints = _value(certificate, x509.BasicConstraints)
    if constraints is not None and constraints.ca:
        raise WrongCertificate(f"{serial} is a CA's: its holder could issue certificates")


def differences(order: Order, certificate: x509.Certificate) -> Iterator[str]:
    """Yield a sentence without a full stop for everything in the certificate that was ordered otherwise."""
    contents = order.contents
    if certificate.subject != contents.name():
        yield f"its subject is {certificate.subject.rfc4514_string()}, not {contents.subject}"
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if start > datetime.now(UTC):
        yield f"it is not valid before {start:%Y-%m-%d %H:%M}"
    if end > datetime.now(UTC) + timedelta(days=contents.days) + _TOLERANCE:
        yield f"it is valid until {end:%Y-%m-%d}, longer than {contents.days} days"
    public = requested_key(order.request)
    wanted = {entry.oid: entry.value for entry in extensions(contents, public)}
    have = {entry.oid: entry.value for entry in certificate.extensions}
    for oid, value in wanted.items():
        name = getattr(oid, "_name", "") if oid.dotted_string.startswith("2.5.29") else ""
        if not _agree(value, have.get(oid)):
            yield f"its extension {name or oid.dotted_string} is missing or another"


def _agree(wanted: x509.ExtensionType, have: x509.ExtensionType | None) -> bool:
    """Whether an extension says what was asked for; the order of names and usages means nothing."""
    from cryptography import x509

    if isinstance(wanted, x509.SubjectAlternativeName) and isinstance(have, x509.SubjectAlternativeName):
        return set(wanted) == set(have)
    if isinstance(wanted, x509.ExtendedKeyUsage) and isinstance(have, x509.ExtendedKeyUsage):
        return set(wanted) == set(have)
    return wanted == have


def _verify_chain(
    certificate: x509.Certificate, chain: list[x509.Certificate], anchors: tuple[x509.Certificate, ...]
) -> None:
    """WrongCertificate unless the certificate leads to one of the anchors (RFC 5280, 6)."""
    from cryptography.x509 import verification

    try:
        chains.require_anchor(certificate, chain, anchors)
    except verification.VerificationError as error:
        raise WrongCertificate(
            f"the certificate {certificate.serial_number:x} does not lead to a trusted CA: {error}",
            hint="Check `trust`: it has to hold the CA's root certificate, or that of the CA itself.",
        ) from error


def _value(certificate: x509.Certificate, kind: type[x509.BasicConstraints]) -> x509.BasicConstraints | None:
    from cryptography import x509

    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
