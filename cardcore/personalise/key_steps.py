"""Steps about keys: made or imported, certified, certificates written, all of it tried out."""

from __future__ import annotations

import os
from hashlib import sha256
from typing import TYPE_CHECKING

from cardcore import keyfiles, signing, verifying
from cardcore.errors import InputError, NotSupported
from cardcore.keytypes import KeyType, Kind, certified_key, key_type, load_certificate, type_of
from cardcore.personalise.card_secrets import CardSecrets
from cardcore.personalise.parking import Parked
from cardcore.personalise.plan import CertificatePlan, KeyPlan
from cardcore.personalise.reasons import Reason
from cardcore.personalise.records import Result
from cardcore.personalise.requests import card_signer, certificate_request, software_signer
from cardcore.personalise.steps import Step
from cardcore.personalise.workpiece import Workpiece
from cardcore.profile.model import Usage
from cardcore.secret import Secret

if TYPE_CHECKING:
    from cryptography import x509

    from cardcore.certificates import Signer
    from cardcore.keytypes import PublicKey
    from cardcore.personalise.changes import Change

_CHALLENGE_BYTES = 32
_HASHES = ("sha256", "sha384", "sha512", "sha1")


class GenerateStep(Step):
    """Has the card generate a key pair.

    A key that was made and not recorded has signed nothing and nobody knows it. It is made again, in its own place:
    that comes to the same, and cannot leave behind a key of which the card's directory does not know.
    """

    def __init__(self, plan: KeyPlan) -> None:
        super().__init__(f"key:{plan.name}")
        self._plan = plan

    def run(self, work: Workpiece) -> Result:
        """Generate it."""
        public = work.card.generate(self._plan.name, self._plan.type)
        return _made(public, "generated")


class ImportStep(Step):
    """Writes the holder's key from a PKCS #12 file to the card. Done again it writes the same."""

    def __init__(self, plan: KeyPlan) -> None:
        super().__init__(f"key:{plan.name}")
        self._plan = plan

    def run(self, work: Workpiece) -> Result:
        """Import it; Parked if it is not of the type that the plan names."""
        found = imported(work, self._plan)
        kind = type_of(found.key)
        if self._plan.type and kind.name != self._plan.type:
            raise Parked(Reason.PLAN_FAILED, f"the key of the holder is {kind.name}, not {self._plan.type}")
        own = next((one for one in found.certificates if one.public_key() == found.key.public_key()), None)
        if own is None and _brings_certificate(self._plan):
            raise Parked(Reason.PLAN_FAILED, "the holder's PKCS #12 file has no certificate of its key")
        work.card.import_key(self._plan.name, found.key)
        result = _made(found.key.public_key(), "imported")
        if own is not None and _brings_certificate(self._plan):
            return {**result, "certificate": keyfiles.encoded(own, as_der=True).hex()}
        return result


def _brings_certificate(plan: KeyPlan) -> bool:
    return plan.imported is not None and plan.imported.with_certificate


def imported(work: Workpiece, plan: KeyPlan) -> keyfiles.Identity:
    """The holder's key and certificates; InputError if the file cannot be read or opened."""
    if plan.imported is None:
        raise InputError(f"the key {plan.name} is not imported")
    path = plan.imported.path(work.fields)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}", hint="Check the path and your rights.") from error
    rules = CardSecrets(plan=work.plan, fields=work.fields, serial=work.record.serial)
    with rules.passphrase(plan.imported) as passphrase:
        return keyfiles.identity(data, passphrase.reveal())


def _made(public: PublicKey, origin: str) -> dict[str, str]:
    return {"type": type_of(public).name, "origin": origin, "public_key": keyfiles.der(public).hex()}


class RequestStep(Step):
    """Has the key on the card sign a request for its certificate. A signature more does no harm."""

    def __init__(self, key: KeyPlan, plan: CertificatePlan) -> None:
        super().__init__(f"request:{key.name}")
        self._key = key
        self._plan = plan
        self._request = b""

    def run(self, work: Workpiece) -> Result:
        """Sign; a key that is imported may be one that cannot sign on the card, and signs in software."""
        contents = self._plan.contents.render(work.fields, work.card.profile.keys[self._key.name].usage)
        self._request = certificate_request(contents, self._signer(work))
        return {"subject": contents.subject}

    def _signer(self, work: Workpiece) -> Signer:
        name = self._key.name
        if self._key.imported is not None:
            found = imported(work, self._key).key
            if found.public_key() != work.public_key(name):
                raise Parked(Reason.PLAN_FAILED, f"the file of {name} holds another key by now than the card")
            return software_signer(found)
        return card_signer(work.card, name, work.public_key(name), pin=_pin(work, name))

    def end(self, work: Workpiece, change: Change, result: Result) -> None:
        """The request stands in the journal; JournalConflict if another card has this key."""
        name = self._key.name
        public = None if self._key.imported else sha256(keyfiles.der(work.public_key(name))).digest()
        change.requested(
            work.record.id, name, reference=reference(work, name), request=self._request, public_key=public
        )


def reference(work: Workpiece, key: str) -> str:
    """What an order is called: unique, and the same as long as it is about the same card."""
    attempt = "" if work.record.attempt == 1 else f"~{work.record.attempt}"
    return f"{work.around.run}/{work.record.holder}{attempt}/{key}"


class WriteCertificateStep(Step):
    """Writes the certificate of a key. Done again it writes the same."""

    def __init__(self, plan: KeyPlan) -> None:
        super().__init__(f"certificate:{plan.name}")
        self._key = plan.name
        self._issued = plan.certificate is not None

    def look(self, work: Workpiece) -> Result | None:
        """Done if the card holds just this certificate."""
        wanted = recorded_certificate(work, self._key)
        return _described(wanted) if wanted is not None and work.card.certificate(self._key) == wanted else None

    def run(self, work: Workpiece) -> Result:
        """Write it."""
        certificate = recorded_certificate(work, self._key)
        if certificate is None:
            raise Parked(Reason.CARD_FAILED, f"there is no certificate for {self._key} in the journal")
        work.card.write_certificate(self._key, certificate)
        return _described(certificate)

    def end(self, work: Workpiece, change: Change, result: Result) -> None:
        """It is on the card."""
        if self._issued:
            change.written(work.record.id, self._key)


def recorded_certificate(work: Workpiece, key: str) -> x509.Certificate | None:
    """The certificate of a key as it was issued, or came with the imported key; None if it has none."""
    record = work.journal.certificates(work.record.id).get(key)
    if record is not None:
        return None if record.certificate is None else load_certificate(record.certificate)
    brought = work.result(f"key:{key}").get("certificate")
    return None if brought is None else load_certificate(bytes.fromhex(str(brought)))


class LabelStep(Step):
    """Names a key pair. Done again it comes to the same."""

    def __init__(self, plan: KeyPlan) -> None:
        super().__init__(f"label:{plan.name}")
        self._plan = plan

    def run(self, work: Workpiece) -> Result:
        """Name it, as the plan says for this holder."""
        label = self._plan.label_for(work.fields)
        work.card.name_key(self._plan.name, label)
        return {"label": label}


def _described(certificate: x509.Certificate) -> dict[str, str]:
    return {
        "subject": certificate.subject.rfc4514_string(),
        "serial": f"{certificate.serial_number:x}",
        "sha256": sha256(keyfiles.encoded(certificate, as_der=True)).hexdigest(),
    }


class VerifyStep(Step):
    """Tries a key as its holder will: with the final PIN, against the certificate that is read from the card."""

    def __init__(self, plan: KeyPlan) -> None:
        super().__init__(f"verify:{plan.name}")
        self._key = plan.name

    def run(self, work: Workpiece) -> Result:
        """Parked if the certificate or what the key computes is not right."""
        public = self._public_key(work)
        usage = work.card.profile.keys[self._key].usage
        kind = type_of(public)
        pin = _pin(work, self._key)
        if Usage.SIGN in usage:
            how = self._sign(work, public, kind, pin)
        elif Usage.DECIPHER in usage and kind.kind is Kind.RSA:
            how = self._decipher(work, public, pin)
        else:
            how = self._agree(work, public, pin)
        return {"by": how}

    def _public_key(self, work: Workpiece) -> PublicKey:
        """The key in the certificate on the card; as it was recorded where there is none."""
        wanted = recorded_certificate(work, self._key)
        if wanted is None:
            return work.public_key(self._key)
        found = work.card.certificate(self._key)
        if found != wanted:
            raise Parked(Reason.VERIFICATION_FAILED, f"the certificate of {self._key} is not what was written")
        return certified_key(found)

    def _sign(self, work: Workpiece, public: PublicKey, kind: KeyType, pin: Secret | None) -> str:
        challenge = os.urandom(_CHALLENGE_BYTES)
        hash_name = _hash_for(work, kind)
        request = signing.request_for(kind, challenge, hash_name=hash_name)
        made = work.card.sign(self._key, challenge, hash=hash_name, key_type=kind.name, pin=pin)
        _require(verifying.is_valid(public, request, made), f"the signature of {self._key}")
        return f"signature, {hash_name}"

    def _decipher(self, work: Workpiece, public: PublicKey, pin: Secret | None) -> str:
        from cryptography.hazmat.primitives.asymmetric import padding, rsa

        if not isinstance(public, rsa.RSAPublicKey):
            raise NotSupported("only RSA keys decrypt")
        challenge = os.urandom(_CHALLENGE_BYTES)
        found = work.card.decipher(self._key, public.encrypt(challenge, padding.PKCS1v15()), pin=pin)
        _require(found == challenge, f"the text that {self._key} decrypted")
        return "decryption"

    def _agree(self, work: Workpiece, public: PublicKey, pin: Secret | None) -> str:
        from cryptography.hazmat.primitives.asymmetric import ec

        if not isinstance(public, ec.EllipticCurvePublicKey):
            raise NotSupported("only EC keys agree on secrets")
        mine = ec.generate_private_key(public.curve)
        found = work.card.agree(self._key, mine.public_key(), pin=pin)
        _require(found == mine.exchange(ec.ECDH(), public), f"the secret that {self._key} agreed on")
        return "agreement"


def _hash_for(work: Workpiece, kind: KeyType) -> str:
    """A hash with which the card can sign."""
    for name in _HASHES:
        try:
            signing.choose_for_signing(work.card.profile, kind, signing.request_for(kind, b"", hash_name=name))
        except NotSupported:
            continue
        return name
    raise NotSupported(f"the card signs with no hash that is known, with a key of type {key_type(kind.name).name}")


def _require(held: bool, what: str) -> None:
    if not held:
        raise Parked(Reason.VERIFICATION_FAILED, f"{what} is not right")


def _pin(work: Workpiece, key: str) -> Secret | None:
    """The PIN of a key, for those that want it each time; None where the plan does not name it."""
    name = work.pin_for(key)
    return None if work.secrets.plan(name) is None else work.secrets.get(name)
