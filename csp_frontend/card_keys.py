"""What is done with key pairs on cards: using, making, importing and deleting them, and storing certificates."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from cardcore import Card, KeySlot, PinPolicy, Secret, Usage
from cardcore.errors import NotSupported, ReplyError
from csp_frontend.algorithms import Policy
from csp_frontend.constants import AT_KEYEXCHANGE, AT_SIGNATURE, Alg, Code
from csp_frontend.containers import ALGORITHMS, Container, is_free, new_container, read_certificate, slots_for
from csp_frontend.contexts import Context, Finder
from csp_frontend.errors import CspError
from csp_frontend.handles import UserKey
from csp_frontend.names import NameBook
from csp_frontend.pin_needs import Need, PinOwner
from csp_frontend.pins import PinKeeper
from csp_frontend.prompts import Purpose
from csp_frontend.tokens import Token, WentBefore

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import rsa

_SIZES = (512, 768, 1024, 1536, 2048, 3072, 4096)
_DEFAULT_BITS = 2048


class CardKeys:
    """Work for one client process on the key pairs of cards."""

    def __init__(self, owner: PinOwner, finder: Finder, keeper: PinKeeper, names: NameBook, policy: Policy) -> None:
        self._owner = owner
        self._finder = finder
        self._keeper = keeper
        self._names = names
        self._policy = policy

    def _need(
        self, context: Context, token: Token, slot: KeySlot, purpose: Purpose, policy: PinPolicy = PinPolicy.ONCE
    ) -> Need:
        return Need(
            owner=self._owner,
            program=context,
            token=token,
            name=slot.pin,
            policy=policy,
            purpose=purpose,
            key=slot.label or slot.name,
        )

    def user_key(self, context: Context, key_spec: int) -> UserKey:
        """The key pair of the context's container; NTE_NO_KEY if it has none of this spec."""
        if key_spec not in (AT_KEYEXCHANGE, AT_SIGNATURE):
            raise CspError(Code.NTE_BAD_KEY, f"there is no key spec {key_spec}")
        if context.container is None or context.container.key_spec != key_spec:
            raise CspError(Code.NTE_NO_KEY, f"the container has no key of the spec {key_spec}")
        self._policy.check_rsa(context.container.public.bits)
        return UserKey(container=context.container, public=context.container.public)

    def sign(self, context: Context, key: UserKey, hash_name: str, value: bytes, *, oid: bool) -> bytes:
        """A PKCS #1 v1.5 signature, big endian; NTE_NOT_SUPPORTED if the card cannot make exactly that."""
        name = key.container.slot.name

        def action(card: Card, pin: Secret | None) -> bytes:
            return card.sign(name, value, hash=hash_name, oid=oid, prehashed=True, pin=pin)

        return self._used(context, key.container, Purpose.SIGN, action)

    def decrypt(self, context: Context, key: UserKey, data: bytes, *, oaep: bool) -> bytes:
        """Decrypt RSAES-PKCS1-v1_5 or OAEP with SHA-1, big endian; NTE_BAD_DATA with one word for every defect."""
        container = key.container
        if Usage.DECIPHER not in container.slot.usage:
            raise CspError(Code.NTE_BAD_KEY, "the key is for signatures only")
        if len(data) != key.public.size:
            raise CspError(Code.NTE_BAD_DATA, f"{len(data)} bytes are no ciphertext for this key")

        def action(card: Card, pin: Secret | None) -> bytes:
            return card.decipher(container.slot.name, data, scheme="oaep" if oaep else "pkcs1", hash="sha1", pin=pin)

        try:
            return self._used(context, container, Purpose.DECRYPT, action)
        except ReplyError as error:
            raise CspError(Code.NTE_BAD_DATA, "the data cannot be decrypted") from error

    def _used(
        self, context: Context, container: Container, purpose: Purpose, action: Callable[[Card, Secret | None], bytes]
    ) -> bytes:
        """Use a key pair, of a card that is taken to be where it was last.

        If it went, that shows when a transaction is to begin, before anything is sent: only then are all readers looked
        at.
        """

        def use(token: Token) -> bytes:
            return self._keeper.use(self._need(context, token, container.slot, purpose, container.policy), action)

        last = self._finder.opened(container)
        if last is not None:
            with suppress(WentBefore):
                return use(last)
        return use(self._finder.token(context))

    # New key pairs

    def generate(self, context: Context, key_spec: int, bits: int) -> UserKey:
        """A new key pair on the context's card; NTE_TOKEN_KEYSET_STORAGE_FULL if there is no free place for it."""
        bits = bits or _DEFAULT_BITS
        if bits not in _SIZES:
            raise CspError(Code.NTE_BAD_FLAGS, f"there are no RSA keys of {bits} bits")
        self._policy.check_rsa(bits)
        token, slot = self._place(context, key_spec)

        def action(card: Card) -> rsa.RSAPublicKey:
            return _rsa(card.generate(slot.name, f"rsa{bits}"))

        need = self._need(context, token, slot, Purpose.GENERATE)
        return self._made(context, token, slot, self._keeper.change(need, action))

    def import_pair(self, context: Context, algorithm: Alg, key: rsa.RSAPrivateKey) -> UserKey:
        """Write a key pair to the context's card, as `generate`."""
        self._policy.check_rsa(key.key_size)
        key_spec = next(spec for spec, identifier in ALGORITHMS.items() if identifier is algorithm)
        token, slot = self._place(context, key_spec)
        need = self._need(context, token, slot, Purpose.IMPORT)
        self._keeper.change(need, lambda card: card.import_key(slot.name, key))
        return self._made(context, token, slot, key.public_key())

    def _place(self, context: Context, key_spec: int) -> tuple[Token, KeySlot]:
        """Where a new key pair goes. A container that has its key pair gets no other: NTE_EXISTS."""
        if context.verify_only:
            raise CspError(Code.NTE_PERM, "CRYPT_VERIFYCONTEXT is for no key pair")
        if context.container is not None:
            raise CspError(Code.NTE_EXISTS, "the container has its key pair; make another one with CRYPT_NEWKEYSET")
        token = self._finder.token(context)
        with token.using() as card:
            free = next((slot for slot in slots_for(card, key_spec) if is_free(card, slot)), None)
        if free is None:
            raise CspError(Code.NTE_TOKEN_KEYSET_STORAGE_FULL, f"no free place for a key of the spec {key_spec}")
        return token, free

    def _made(self, context: Context, token: Token, slot: KeySlot, key: rsa.RSAPublicKey) -> UserKey:
        """Take note of a new key pair: the context is its container's from now on."""
        token.forget()
        numbers = key.public_numbers()
        found = next((one for one in token.containers() if one.key.public_numbers() == numbers), None)
        if found is None:
            found = token.add(new_container(token.identity, slot, key, policy=slot.policy))
        context.container = found
        if context.new_name:
            self._names.note(context.new_name, found.name)
        return UserKey(container=found, public=found.public)

    def delete(self, context: Context, container: Container, token: Token) -> None:
        """Remove a container's key pair and certificate; NTE_NOT_SUPPORTED where the card keeps keys for ever."""

        def action(card: Card) -> None:
            card.delete_key(container.slot.name)
            if card.certificate(container.slot.name) is not None:
                card.delete_certificate(container.slot.name)

        self._keeper.change(self._need(context, token, container.slot, Purpose.DELETE), action)
        token.forget()
        self._names.forget(container.name)

    # Certificates

    def certificate(self, context: Context, key: UserKey) -> bytes:
        """The certificate of a key pair as DER, as it is known since the container was opened or written to.

        NTE_NOT_FOUND if there is none.
        """
        container = context.container if context.container is not None else key.container
        if container.name != key.container.name or not container.certificate:
            raise CspError(Code.NTE_NOT_FOUND, "the key has no certificate")
        return container.certificate

    def store_certificate(self, context: Context, key: UserKey, der: bytes) -> None:
        """Write the certificate of a key pair; NTE_BAD_DATA if it is none, or another key's."""
        from cryptography import x509

        try:
            certificate = x509.load_der_x509_certificate(der)
            matches = certificate.public_key() == key.container.key
        except ValueError as error:
            raise CspError(Code.NTE_BAD_DATA, "this is no certificate") from error
        if not matches:
            raise CspError(Code.NTE_BAD_DATA, "the certificate is another key's")
        token = self._finder.token(context)
        name = key.container.slot.name
        need = self._need(context, token, key.container.slot, Purpose.CERTIFICATE)
        self._keeper.change(need, lambda card: card.write_certificate(name, certificate))
        token.forget()
        with token.using() as card:
            context.container = replace(key.container, certificate=read_certificate(card, name))


def _rsa(key: object) -> rsa.RSAPublicKey:
    from cryptography.hazmat.primitives.asymmetric import rsa

    if not isinstance(key, rsa.RSAPublicKey):
        raise NotSupported("the card made another kind of key")
    return key
