"""The key pairs of one card: what they are, making them, and using them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from cardcore import keytypes, signing
from cardcore.authentication import Authentication
from cardcore.directory import Directory, KeyInfo
from cardcore.errors import InputError, NotFound, NotSupported, PinRequired, ReplyError, SecurityStatus, StatusError
from cardcore.keyhints import KeyHints
from cardcore.keyslots import AS_THE_CARD_HAS_IT, KeyPolicies, absent, for_use, slot_values, told, with_public
from cardcore.keytypes import EcPoint, KeyType, RsaNumbers, key_type
from cardcore.pinpad.given import PinGiven
from cardcore.profile.commands import algorithm_values
from cardcore.profile.model import Algorithm, KeySlot, Needs, PinPolicy, Scheme, Usage
from cardcore.profile.template import Value, Values
from cardcore.secret import Secret
from cardcore.session import Session
from cardcore.sw import Sw

if TYPE_CHECKING:
    from cardcore.keytypes import PrivateKey, PublicKey

_NO_QUERY = frozenset({Sw.INS_NOT_SUPPORTED, Sw.CLA_NOT_SUPPORTED, Sw.FUNCTION_NOT_SUPPORTED})


class Keyring:
    """Keys of one session. What was learned of a key is remembered until the key changes or the card is reset."""

    def __init__(self, session: Session, authentication: Authentication, directory: Directory) -> None:
        self._session = session
        self._authentication = authentication
        self._directory = directory
        self._known: dict[str, KeyInfo] = {}
        self._made: dict[str, PublicKey] = {}
        self._others: dict[str, KeySlot] = {}
        self._checking: set[str] = set()
        self._hints = KeyHints(session)
        self._losses = session.losses

    def slot(self, name: str) -> KeySlot:
        """The slot of that name, the profile's or else the card's; InputError that lists the names if there is none."""
        slots = self._session.profile.keys
        found = slots.get(name) or slots.get(name.lower()) or self._others.get(name.lower())
        if found is None:
            slots = self._directory.slots()
            self._drop_what_was_lost()  # asking may have shown that the card was reset
            self._others = {other: slot for other, slot in slots.items() if other not in self._session.profile.keys}
            found = self._others.get(name.lower())
        if found is None:
            raise InputError(f"this card has no key {name}", hint=f"It has {', '.join(slots)}.")
        return found

    def info(self, name: str) -> KeyInfo:
        """What the card tells of a key, from its metadata or else its certificate; NotFound if there is no key."""
        known = self._learned(self.slot(name))
        return replace(known, told=known.public)

    def _learned(self, slot: KeySlot) -> KeyInfo:
        """As `info`, but what the card told of the public key may not be one."""
        known = self._remembered(slot)
        if known is None:
            known = self._ask(slot) or self._as_made(slot) or self._from_certificate(slot)
            self._remembered(slot)  # asking may have shown that the card was reset
            self._known[slot.name] = known
            self._hints.note(slot, known)
        return known

    def _remembered(self, slot: KeySlot) -> KeyInfo | None:
        self._drop_what_was_lost()
        return self._known.get(slot.name)

    def _drop_what_was_lost(self) -> None:
        if self._losses != self._session.losses:
            self._known.clear()
            self._made.clear()
            self._others.clear()
            self._checking.clear()
            self._hints.forget()
            self._losses = self._session.losses

    def forget(self, name: str) -> None:
        """Ask anew when a key is wanted next: its certificate has changed."""
        slot = self.slot(name)
        self._known.pop(slot.name, None)
        self._hints.disprove(slot)

    def _replace(self, slot: KeySlot) -> None:
        """Nothing that was known of a key holds any more."""
        self._known.pop(slot.name, None)
        self._made.pop(slot.name, None)
        self._hints.disprove(slot)
        self._checking.discard(slot.name)

    def all(self) -> list[KeyInfo]:
        """The keys that are there, in the profile's order, then those that only this card names."""
        found = []
        for name in self._directory.slots():
            try:
                found.append(self.info(name))
            except NotFound:
                continue
        return found

    def _ask(self, slot: KeySlot) -> KeyInfo | None:
        """What the card itself tells of a key; None where only its certificate could."""
        if self._session.engine.can("key-info"):
            try:
                return told(slot, self._session.run("key-info", slot_values(slot)))
            except StatusError as error:
                if error.sw not in _NO_QUERY:
                    raise absent(slot, error) from error
        return self._directory.key(slot)

    def _as_made(self, slot: KeySlot) -> KeyInfo | None:
        public = self._made.get(slot.name)
        return None if public is None else with_public(slot, public)

    def _from_certificate(self, slot: KeySlot) -> KeyInfo:
        der = self._directory.certificate(slot)
        if der is None:
            raise NotFound(
                f"what kind of key is in {slot.name} cannot be told: the card has neither metadata nor certificate",
                sw=Sw.DATA_NOT_FOUND,
                hint="Name the type (--type), or store the key's certificate.",
            )
        return with_public(slot, keytypes.certified_key(keytypes.load_certificate(der)))

    def kind(self, name: str, given: str = "") -> KeyType:
        """The type of a key: as given, else as its use has shown, else as the card tells."""
        if given:
            return key_type(given)
        found = self._hints.proved(self.slot(name)) or self._learned(self.slot(name)).type
        if found is None:
            raise NotSupported(f"the type of key {name} is not one that cardcore knows")
        return found

    def expect(self, name: str, operation: str, given: str = "") -> None:
        """Learn a key's type now, before a person is asked for anything, unless its use can begin without asking."""
        slot = self.slot(name)
        if not given and self._hint(slot, operation) is None:
            self.kind(name)

    def _hint(self, slot: KeySlot, operation: str) -> KeyType | None:
        """A type to try; None where it is known, or has to be asked for."""
        return None if self._remembered(slot) else self._hints.find(slot, operation)

    def _use_typed(
        self,
        slot: KeySlot,
        operation: str,
        given: str,
        pin: PinGiven | None,
        use: Callable[[KeyType, PinGiven | None], bytes],
    ) -> bytes:
        """Use a key as the type that it has; if one that is only remembered turns out wrong, once more as told.

        The PIN is not sent a second time, whatever the card has answered: whoever wants it again says so.
        """
        hint = None if given else self._hint(slot, operation)
        if hint is None:
            return use(self.kind(slot.name, given), pin)
        before = self._session.proofs
        try:
            result = use(hint, pin)
        except (SecurityStatus, PinRequired):
            raise
        except (StatusError, ReplyError, InputError, NotSupported):
            if self._session.proofs != before and slot.pin not in self._session.verified:
                raise  # it was not the hint that failed, but VERIFY
            told_type = self.kind(slot.name)
            if told_type == hint:
                raise
            return use(told_type, None if slot.pin in self._session.verified else pin)
        self._hints.prove(slot, hint)
        return result

    def public_key(self, name: str) -> PublicKey:
        """The public key; NotFound if the card tells it neither directly nor in a certificate."""
        slot = self.slot(name)
        info = self.info(name)
        found = info.public or self._read_public_key(info) or self._from_certificate(slot).public
        if found is None:
            raise NotFound(f"the card does not tell the public key of {slot.name}", sw=Sw.DATA_NOT_FOUND)
        if info.type is not None and keytypes.type_of(found) != info.type:
            raise ReplyError(f"key {slot.name} is of type {info.type.name}, and its public key is of another")
        return found

    def own_public_key(self, name: str) -> PublicKey | None:
        """The public key by the card's own word, or as it was made here; None where only a certificate would tell."""
        slot = self.slot(name)
        self._remembered(slot)
        if slot.name in self._made:
            return self._made[slot.name]
        try:
            info = self._ask(slot)
        except NotFound:
            return None
        return None if info is None else info.public or self._read_public_key(info)

    def _read_public_key(self, info: KeyInfo) -> PublicKey | None:
        """What the directory keeps, or the profile's `public-key` operation reads if the type of key is known."""
        kept = self._directory.public_key(info.slot)
        if kept is not None:
            return kept
        if info.type is None or not self._session.engine.can("public-key"):
            return None
        algorithm = signing.choose_by_type(self._session.profile, info.type)
        answer = self._session.run("public-key", self._values(info.slot, info.type, algorithm, "public-key"))
        return keytypes.public_key(answer, info.type) if isinstance(answer, RsaNumbers | EcPoint) else None

    def require_type(self, name: str, type_name: str) -> None:
        """NotSupported if the card takes no key of that type there; it can be asked before anything was proved."""
        slot, kind = self.slot(name), key_type(type_name)
        signing.choose_by_type(self._session.profile, kind)
        self._directory.require_type(slot, kind)

    def generate(self, name: str, type_name: str, policies: KeyPolicies = AS_THE_CARD_HAS_IT) -> PublicKey:
        """Generate a key pair on the card and return its public key. May take the card a minute for large RSA."""
        slot, kind = self.slot(name), key_type(type_name)
        algorithm = signing.choose_by_type(self._session.profile, kind)
        wanted = policies.values(self._session.engine.operation("generate"))
        self._replace(slot)
        slot = self._directory.reserve(slot, kind)
        answer = self._session.run("generate", wanted | self._values(slot, kind, algorithm, "generate"))
        if not isinstance(answer, RsaNumbers | EcPoint):
            raise ReplyError("the profile's generate operation gives no public key")
        public = keytypes.public_key(answer, kind)
        self._directory.enrol(slot, public, "generated")
        self._made[slot.name] = public
        return public

    def import_key(self, name: str, key: PrivateKey, policies: KeyPolicies = AS_THE_CARD_HAS_IT) -> None:
        """Write a private key into a slot."""
        slot, kind = self.slot(name), keytypes.type_of(key)
        algorithm = signing.choose_by_type(self._session.profile, kind)
        wanted = policies.values(self._session.engine.operation("import"))
        slot = self._directory.reserve(slot, kind)
        values = {**wanted, **self._values(slot, kind, algorithm, "import"), **keytypes.private_values(key)}
        self._replace(slot)
        try:
            self._session.run("import", values)
        finally:
            for value in values.values():
                if isinstance(value, Secret):
                    value.wipe()
        self._directory.enrol(slot, key.public_key(), "imported")
        self._made[slot.name] = key.public_key()

    def delete(self, name: str) -> None:
        """Remove a key pair."""
        slot = self.slot(name)
        self._replace(slot)
        slot = self._directory.find(slot)
        if Needs.PIN in self._session.engine.needs("delete-key", slot_values(slot)):
            self._require_pin(slot)
        try:
            self._session.run("delete-key", slot_values(slot))
        except StatusError as error:
            raise absent(slot, error) from error
        self._directory.strike(slot)

    def _require_pin(self, slot: KeySlot) -> None:
        """Before something that a card may do without the PIN and then not enter in its directory."""
        if slot.pin not in self._session.verified:
            raise PinRequired(f"changing the key {slot.name} needs its PIN")

    def sign(
        self,
        name: str,
        data: bytes,
        *,
        hash_name: str = "sha256",
        scheme: Scheme | None = None,
        oid: bool = True,
        prehashed: bool = False,
        type_name: str = "",
        pin: PinGiven | None = None,
        last_try: bool = False,
    ) -> bytes:
        """Sign `data` (or the hash value that it is, with `prehashed`); see `Card.sign`."""
        slot = self._slot_for(name, Usage.SIGN)

        def signature(kind: KeyType, pin: PinGiven | None) -> bytes:
            request = signing.request_for(kind, data, hash_name=hash_name, scheme=scheme, oid=oid, prehashed=prehashed)
            self._drop_what_was_lost()
            checked = slot.name in self._checking
            algorithm = signing.choose_for_signing(self._session.profile, kind, request, checked=checked)
            found = self._found(slot, Usage.SIGN)
            values = self._values(found, kind, algorithm, "sign")
            values |= {"hash": request.hash_name, "scheme": request.scheme.value}
            values["input"] = signing.signature_input(algorithm, kind, request)
            try:
                raw = self._use(found, "sign", values, pin, last_try)
            except StatusError as error:
                refusal = signing.explained(error, request)
                if refusal is None:
                    raise
                self._checking.add(slot.name)
                raise refusal from error
            return signing.finish_signature(algorithm, kind, raw)

        with self._session.transaction():
            return self._use_typed(slot, "sign", type_name, pin, signature)

    def decipher(
        self,
        name: str,
        data: bytes,
        *,
        scheme: Scheme = Scheme.PKCS1,
        hash_name: str = "sha256",
        type_name: str = "",
        pin: PinGiven | None = None,
        last_try: bool = False,
    ) -> bytes:
        """Decrypt with RSA; see `Card.decipher`."""
        slot = self._slot_for(name, Usage.DECIPHER)

        def plain(kind: KeyType, pin: PinGiven | None) -> bytes:
            algorithm = signing.choose_for_deciphering(self._session.profile, kind, scheme)
            if len(data) != kind.size:
                raise InputError(
                    f"{len(data)} bytes cannot be a {kind.name} ciphertext", hint=f"It has {kind.size} bytes."
                )
            found = self._found(slot, Usage.DECIPHER)
            values = {**self._values(found, kind, algorithm, "decipher"), "input": data}
            raw = self._use(found, "decipher", values, pin, last_try)
            return signing.plain_text(algorithm, kind, scheme, hash_name, raw)

        with self._session.transaction():
            return self._use_typed(slot, "decipher", type_name, pin, plain)

    def agree(self, name: str, peer: PublicKey, *, pin: PinGiven | None = None, last_try: bool = False) -> bytes:
        """Shared secret (x coordinate, field size) of ECDH with the peer's public key (SP 800-56A, 5.7.1.2)."""
        from cryptography.hazmat.primitives import serialization

        slot = self._slot_for(name, Usage.AGREE)
        with self._session.transaction():
            kind = self.kind(name)
            algorithm = signing.choose_for_agreement(self._session.profile, kind)
            if keytypes.type_of(peer) != kind:
                raise InputError(f"the peer's key is not of type {kind.name} as the card's is")
            point = peer.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
            slot = self._found(slot, Usage.AGREE)
            values = {**self._values(slot, kind, algorithm, "agree"), "peer": point}
            raw = self._use(slot, "agree", values, pin, last_try)
        return signing.shared_secret(kind, raw)

    def _slot_for(self, name: str, usage: Usage) -> KeySlot:
        return for_use(self.slot(name), usage)

    def _found(self, slot: KeySlot, usage: Usage) -> KeySlot:
        return for_use(self._directory.find(slot), usage)

    def _use(self, slot: KeySlot, operation: str, values: Values, pin: PinGiven | None, last_try: bool) -> bytes:
        sent = self._authorise(slot, pin, last_try)
        try:
            answer = self._session.run(operation, values)
        except SecurityStatus:
            if pin is None or sent:
                raise
            self._authentication.verify(pin, slot.pin, last_try=last_try)  # it was verified, but is no longer
            self._session.fresh_pin = ""
            answer = self._session.run(operation, values)
        if not isinstance(answer, bytes):
            raise ReplyError(f"the profile's {operation} operation gives no bytes")
        return answer

    def _authorise(self, slot: KeySlot, pin: PinGiven | None, last_try: bool) -> bool:
        """Verify the PIN if the key's policy wants it now, and say so; PinRequired if it does and none was given."""
        session = self._session
        policy = self._policy(slot)
        fresh, session.fresh_pin = session.fresh_pin == slot.pin, ""
        settled = fresh if policy is PinPolicy.ALWAYS else slot.pin in session.verified
        if settled or policy is PinPolicy.NEVER:
            return False
        if pin is not None:
            self._authentication.verify(pin, slot.pin, last_try=last_try)
            session.fresh_pin = ""
        elif policy is PinPolicy.ALWAYS:
            raise PinRequired(f"key {slot.name} wants its PIN for each use")
        return pin is not None

    def policy(self, name: str) -> PinPolicy:
        """When a key wants its PIN: as the card told, else as the profile says."""
        return self._policy(self.slot(name))

    def _policy(self, slot: KeySlot) -> PinPolicy:
        known = self._remembered(slot)
        return known.policy if known is not None else slot.policy

    def _values(self, slot: KeySlot, kind: KeyType, algorithm: Algorithm, operation: str) -> dict[str, Value | Secret]:
        values = slot_values(slot)
        values |= {"op": operation, "key.type": kind.name, "key.kind": kind.kind.value, "key.size": kind.bits}
        return values | algorithm_values(algorithm, self._session.engine.operation(operation), values)
