"""What an issuer of certificates is: an order goes in, a certificate comes out, at once or later."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from cardcore.errors import CardError
from cardcore.personalise.certificate_contents import Contents


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A certificate that is wanted.

    `reference` is unique and stable, as "<run>/<holder>/<key>": under one reference there is one key and one
    certificate, however often it is ordered. `request` is a PKCS #10 request as DER, signed by the key on the card.
    `fields` is the holder's record, for issuers that pass it on. `remember` writes a token into the journal at once:
    what `ask` gets if the program ends before the issuer's answer is there. None where there is no journal.
    """

    reference: str
    request: bytes
    contents: Contents
    fields: Mapping[str, str] = field(default_factory=dict)
    remember: Callable[[str], None] | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A certificate and the certificates above it, nearest first, without the root or with it, each as DER.

    `warnings` says in whole sentences what is not as it was ordered, where the checks allow that.
    """

    certificate: bytes
    chain: tuple[bytes, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """The certificate comes later: ask with `token`, not before `after` seconds have passed (None: any time)."""

    token: str
    after: float | None = None


class Issuer(Protocol):
    """Who issues certificates. It may be used by several threads at once."""

    def order(self, order: Order) -> Issued | Pending:
        """Order a certificate.

        IssuerUnreachable if certainly nothing happened, IssuerRefused if it is final, IssuerUncertain if a
        certificate may have been issued: then `ask` first, and order again only after it said IssuerUnreachable.
        """

    def ask(self, order: Order, token: str) -> Issued | Pending:
        """Ask what became of an order; `token` is the last of Pending, IssuerUncertain or `Order.remember`, else empty.

        IssuerUnreachable means that there is certainly no certificate and the order may be given again;
        IssuerUncertain that it could not be found out.
        """

    def close(self) -> None:
        """Give back connections and cards; may be called twice."""


class IssuerError(CardError):
    """An issuer did not deliver a certificate."""

    code = "issuer"


class IssuerUnreachable(IssuerError):
    """The issuer could not be reached, or could not work; certainly no certificate was issued."""

    code = "issuer-unreachable"
    default_hint = "Check that the issuer runs and can be reached, then continue; nothing was issued."


class IssuerRefused(IssuerError):
    """The issuer will not issue this certificate; ordering it again as it is does not help."""

    code = "issuer-refused"
    default_hint = "Look at what the issuer says, change the plan or the holder's record, and order again."


class WrongCertificate(IssuerRefused):
    """What the issuer returned is not the certificate that was ordered. It may have to be revoked."""

    code = "wrong-certificate"
    default_hint = "Do not use it: tell the issuer, who may have to revoke it."


class IssuerUncertain(IssuerError):
    """The certificate may have been issued, and the answer did not arrive. `token` is for `Issuer.ask`."""

    code = "issuer-uncertain"
    default_hint = "Ask the issuer whether there is a certificate for this order before it is given again."

    def __init__(self, message: str, *, token: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.token = token


@contextmanager
def ordered_before(token: str) -> Iterator[None]:
    """Around a question about an order that may have arrived: that nobody can be reached now says nothing about it.

    IssuerUncertain with the token instead of IssuerUnreachable.
    """
    try:
        yield
    except IssuerUnreachable as error:
        hint = "Something was ordered before: bring the issuer back, and it is asked again."
        raise IssuerUncertain(error.message, token=token, hint=hint) from error
