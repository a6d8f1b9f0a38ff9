"""A CA of one's own: puts a certificate together, has it signed by the CA's key, and remembers it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cardcore import certificates, keyfiles
from cardcore.certificates import Body, Sign, Signer
from cardcore.errors import CardError, InputError, NotSupported
from cardcore.keytypes import certified_key, load_certificate
from cardcore.personalise.certificate_contents import extensions
from cardcore.personalise.issuers.base import Issued, IssuerRefused, IssuerUnreachable, Order, ordered_before
from cardcore.personalise.issuers.index import Entry, IssuedIndex
from cardcore.personalise.issuers.settings import SigningRules
from cardcore.personalise.requests import requested_key

if TYPE_CHECKING:
    from cryptography import x509

    from cardcore.keytypes import PublicKey

BACKDATED = timedelta(minutes=5)
"""How long before now a certificate begins, because not all clocks agree."""


class SigningCa:
    """An issuer that signs certificates itself.

    `chain` is the CA's certificate and those above it, `sign` makes signatures with its key and raises CardError where
    it cannot. InputError if the certificate is not that of a CA that may issue now.
    """

    def __init__(
        self, chain: tuple[x509.Certificate, ...], sign: Sign, rules: SigningRules, close: Callable[[], None]
    ) -> None:
        self._own, self._chain, self._rules, self._close = chain[0], chain, rules, close
        _require_authority(self._own)
        self._signer = Signer(public=certified_key(self._own), sign=sign, hash_name=rules.hash_name)
        self._signer.algorithm  # noqa: B018 - refuses here what could not be signed later
        self._index = IssuedIndex(rules.index, _digest(keyfiles.der(self._signer.public)))

    def order(self, order: Order) -> Issued:
        """The certificate of the order: the one that was issued for it before, or a new one."""
        try:
            public = requested_key(order.request)
            key = _digest(keyfiles.der(public))
            entry = self._index.find_or_add(order.reference, key, lambda: self._certificate(order, public))
        except (InputError, NotSupported) as error:
            raise IssuerRefused(f"the CA cannot issue this certificate: {error.message}", hint=error.hint) from error
        return self._issued(order, entry, key)

    def ask(self, order: Order, token: str) -> Issued:
        """What was issued for the order; IssuerUnreachable if nothing was."""
        with ordered_before(token):
            entry = self._index.find(order.reference)
        if entry is None:
            raise IssuerUnreachable(
                f"nothing was issued under the reference {order.reference}", hint="Order it; nothing is lost."
            )
        return self._issued(order, entry, _digest(keyfiles.der(requested_key(order.request))))

    def close(self) -> None:
        """Give back the CA's key."""
        self._close()

    def _issued(self, order: Order, entry: Entry, key: bytes) -> Issued:
        if entry.key != key:
            raise IssuerRefused(
                f"a certificate for another key was issued under the reference {order.reference}",
                hint="One reference is for one key. Look up what became of the first; order under another reference.",
            )
        chain = tuple(keyfiles.encoded(certificate, as_der=True) for certificate in self._chain)
        return Issued(certificate=entry.certificate, chain=chain)

    def _certificate(self, order: Order, public: PublicKey) -> bytes:
        start = datetime.now(UTC).replace(microsecond=0) - BACKDATED
        end = start + BACKDATED + timedelta(days=order.contents.days)
        if end > self._own.not_valid_after_utc:
            raise InputError(
                f"{order.contents.days} days are longer than the CA itself is valid, "
                f"which is until {self._own.not_valid_after_utc:%Y-%m-%d}",
                hint="Choose fewer days, or renew the CA.",
            )
        body = Body(
            subject=order.contents.name(),
            issuer=self._own.subject,
            public=public,
            start=start,
            end=end,
            extensions=(*extensions(order.contents, public), *self._own_extensions(public)),
        )
        try:
            made = certificates.certificate(body, self._signer)
        except InputError:
            raise
        except CardError as error:
            raise IssuerUnreachable(f"the CA's key cannot sign: {error.message}", hint=error.hint) from error
        self._verify(made)
        return made

    def _verify(self, made: bytes) -> None:
        """Nothing leaves that the CA's own certificate does not verify: another card may be in the CA's reader."""
        from cryptography.exceptions import InvalidSignature

        try:
            load_certificate(made).verify_directly_issued_by(self._own)
        except (InvalidSignature, ValueError) as error:
            raise IssuerUnreachable(
                f"what signed is not the key of the CA {self._own.subject.rfc4514_string()}",
                hint="Check which key, or which card, is used as the CA's; nothing was issued.",
            ) from error

    def _own_extensions(self, public: PublicKey) -> list[x509.Extension[x509.ExtensionType]]:
        """The extensions that are the CA's business (RFC 5280, 4.2.1.1, 4.2.1.2, 4.2.1.9, 4.2.1.13, 4.2.2.1)."""
        from cryptography import x509

        found: list[x509.ExtensionType] = [x509.SubjectKeyIdentifier.from_public_key(public), self._authority_key()]
        if self._rules.crl_urls:
            places = [x509.UniformResourceIdentifier(url) for url in self._rules.crl_urls]
            found.append(x509.CRLDistributionPoints([x509.DistributionPoint(places, None, None, None)]))
        access = x509.oid.AuthorityInformationAccessOID
        services = [(access.OCSP, url) for url in self._rules.ocsp_urls]
        services += [(access.CA_ISSUERS, url) for url in self._rules.issuer_urls]
        if services:
            found.append(
                x509.AuthorityInformationAccess(
                    [x509.AccessDescription(method, x509.UniformResourceIdentifier(url)) for method, url in services]
                )
            )
        end_entity = x509.BasicConstraints(ca=False, path_length=None)
        return [x509.Extension(end_entity.oid, True, end_entity)] + [
            x509.Extension(value.oid, False, value) for value in found
        ]

    def _authority_key(self) -> x509.AuthorityKeyIdentifier:
        from cryptography import x509

        try:
            named = self._own.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        except x509.ExtensionNotFound:
            return x509.AuthorityKeyIdentifier.from_issuer_public_key(self._signer.public)
        return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(named)


def _digest(data: bytes) -> bytes:
    from hashlib import sha256

    return sha256(data).digest()


def _require_authority(certificate: x509.Certificate) -> None:
    """InputError unless the certificate is of a CA (RFC 5280, 4.2.1.9 and 4.2.1.3) and valid now."""
    from cryptography import x509

    name = certificate.subject.rfc4514_string()
    try:
        found = certificate.extensions
        is_ca = found.get_extension_for_class(x509.BasicConstraints).value.ca
        usages = [entry.value for entry in found if isinstance(entry.value, x509.KeyUsage)]
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        is_ca, usages = False, []
    if not is_ca or not all(usage.key_cert_sign for usage in usages):
        raise InputError(f"{name} is no CA: its certificate does not let it issue others", hint="Take a CA's.")
    if not certificate.not_valid_before_utc <= datetime.now(UTC) < certificate.not_valid_after_utc:
        raise InputError(
            f"the certificate of the CA {name} is valid from {certificate.not_valid_before_utc:%Y-%m-%d} "
            f"to {certificate.not_valid_after_utc:%Y-%m-%d}, not now",
            hint="Renew it, or check the clock.",
        )
