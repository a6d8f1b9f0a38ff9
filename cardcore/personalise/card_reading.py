"""Reads what a plan does with cards of one profile, and holds it against that profile."""

from __future__ import annotations

from collections.abc import Collection

from cardcore.certificates import MAX_DAYS
from cardcore.directory import NAMING
from cardcore.errors import InputError, NotSupported
from cardcore.keytypes import KEY_TYPES
from cardcore.personalise.certificate_contents import KEY_USAGES, ContentsTemplate, extended_usage
from cardcore.personalise.content_reading import read_content
from cardcore.personalise.plan import (
    AdminPlan,
    CardPlan,
    CertificatePlan,
    Content,
    FromField,
    Given,
    Import,
    Initialise,
    KeyPlan,
    PinPlan,
    SecretRule,
)
from cardcore.personalise.plan_scope import Scope
from cardcore.personalise.secret_reading import FACTORY, UNSET, Wanted, read_rule
from cardcore.personalise.templates import Template
from cardcore.pin import PinSpec
from cardcore.profile import reader
from cardcore.profile.model import Admin, KeySlot, Needs, PinPolicy, Profile, Usage
from cardcore.profile.tree import Place, Scalar, Tree
from cardcore.signing import choose_for_signing, request_for

CARD_KEYS = ("only", "initialise", "factory", "pins", "admin", "keys", "objects")
INITIALISE_KEYS = ("label",)
PIN_KEYS = ("initial", "final", "change_at_first_use", "same_as")
ADMIN_KEYS = ("initial", "initial_cipher", "final", "cipher")
KEY_KEYS = ("type", "label", "import", "certificate")
IMPORT_KEYS = ("pkcs12", "passphrase")
CERTIFICATE_KEYS = ("issuer", "subject", "upn", "email", "dns", "eku", "key_usage", "days", "sid")
ADMIN = "admin"
IMPORTED = "imported"

_NOT_IN_FACTORY = "Say what a fresh card has: `initial: env:VARIABLE`, or once for all under `factory`."


class CardReader:
    """Reads one entry of `cards`."""

    def __init__(self, profile: Profile, scope: Scope, issuers: Collection[str]) -> None:
        self._profile = profile
        self._scope = scope
        self._issuers = issuers
        self._factory: dict[str, SecretRule] = {}

    def read(self, node: Tree) -> CardPlan:
        """What is done with such a card; what is wrong with a part of it is noted in the scope."""
        section = reader.section(node, CARD_KEYS, f"the plan for {self._profile.id}")
        problems = self._scope.problems
        self._factory = problems.attempt({}, section.read, "factory", self._factories, {})
        plan = CardPlan(
            profile=self._profile,
            only=problems.attempt({}, section.read, "only", self._only, {}),
            initialise=problems.attempt(None, section.read, "initialise", self._initialise, None),
            pins=problems.attempt({}, section.read, "pins", self._pins, {}),
            admin=problems.attempt(None, section.read, "admin", self._admin, None),
            keys=problems.attempt({}, section.read, "keys", self._keys, {}),
            objects=problems.attempt({}, section.read, "objects", self._objects, {}),
        )
        if not problems.found:
            self._check_unset(plan, section)
            self._check_authority(plan, section)
        return plan

    def _only(self, node: Tree) -> dict[str, frozenset[str]]:
        found = {}
        for key, value in reader.entries(node, "a mapping of fields to their values"):
            values = frozenset(reader.text(item) for item in reader.one_or_more(value))
            found[self._scope.column(key)] = values
        return found

    def _initialise(self, node: Tree) -> Initialise | None:
        if isinstance(node, Scalar):
            return Initialise() if reader.boolean(node) else None
        section = reader.section(node, INITIALISE_KEYS, "how a blank card is made usable")
        return Initialise(label=section.read("label", self._scope.card_template, None))

    # Secrets

    def _factories(self, node: Tree) -> dict[str, SecretRule]:
        found = {}
        for key, value in reader.entries(node, "a mapping of PINs to what a fresh card has"):
            wanted = self._wanted(key, published=True)
            found[key.text] = read_rule(value, wanted, self._scope)
        return found

    def _wanted(self, key: Scalar, *, published: bool) -> Wanted:
        profile = self._profile
        if key.text in profile.pins:
            spec = profile.pins[key.text]
            return Wanted(what=f"the {spec.label or spec.name}", pin=spec, may_be_published=published)
        if key.text == ADMIN and profile.admin is not None and profile.admin.ciphers:
            return self._wanted_key(tuple(profile.admin.ciphers), published=published)
        known = [*profile.pins, *([ADMIN] if profile.admin and profile.admin.ciphers else [])]
        hint = reader.suggestion(key.text, known) or f"It has {', '.join(known) or 'none'}."
        raise key.place.error(f"cards of the profile {profile.id} have no secret named {key.text[:64]}", hint)

    @staticmethod
    def _wanted_key(ciphers: tuple[str, ...], *, published: bool) -> Wanted:
        return Wanted(what="the admin key", ciphers=ciphers, may_be_published=published)

    def _pins(self, node: Tree) -> dict[str, PinPlan]:
        entries = reader.entries(node, "a mapping of PINs")
        found = [self._scope.problems.attempt(None, self._pin, key, value) for key, value in entries]
        return {pin.name: pin for pin in found if pin is not None}

    def _pin(self, key: Scalar, node: Tree) -> PinPlan:
        if key.text not in self._profile.pins:
            known = tuple(self._profile.pins)
            hint = reader.suggestion(key.text, known) or f"It has {', '.join(known) or 'none'}."
            raise key.place.error(f"cards of the profile {self._profile.id} have no PIN named {key.text[:64]}", hint)
        spec = self._profile.pins[key.text]
        section = reader.section(node, PIN_KEYS, f"the {spec.label or spec.name}")
        same = section.get("same_as")
        if same is not None:
            return self._view(section, same, spec)
        wanted = self._wanted(key, published=False)
        final = section.read("final", lambda value: read_rule(value, wanted, self._scope), None)
        return PinPlan(
            name=key.text,
            initial=self._initial(key, section, self._wanted(key, published=True), final),
            final=final,
            change_at_first_use=section.read("change_at_first_use", reader.boolean, False),
        )

    def _view(self, section: reader.Section, same: Tree, spec: PinSpec) -> PinPlan:
        """A PIN that another one's secret opens too, as where one password is verified in two modes."""
        other = next((key for key in PIN_KEYS if key != "same_as" and section.get(key) is not None), None)
        if other is not None:
            raise section.need(other).place.error("a PIN that is the `same_as` another has nothing of its own")
        others = [name for name in self._profile.pins if name != spec.name]
        return PinPlan(name=spec.name, same_as=reader.choice(same, others))

    def _initial(
        self, key: Scalar, section: reader.Section, wanted: Wanted, final: SecretRule | None
    ) -> SecretRule | None:
        """What a fresh card has; None: nothing yet."""
        node = section.get("initial")
        word = node.text if isinstance(node, Scalar) and node.plain else ""
        if node is None or word == FACTORY:
            if key.text not in self._factory:
                place = key.place if node is None else node.place
                raise place.error(f"`factory` says nothing of {wanted.what}", _NOT_IN_FACTORY)
            return self._factory[key.text]
        if word == UNSET:
            if final is None:
                raise node.place.error(f"{wanted.what} is not set and would not be", "Say `final`.")
            return None
        return read_rule(node, wanted, self._scope)

    def _admin(self, node: Tree) -> AdminPlan:
        admin = self._profile.admin
        if admin is None:
            raise node.place.error(f"cards of the profile {self._profile.id} have no admin key", "Remove it.")
        if admin.pin:
            raise node.place.error("the administrator of such a card has a PIN", f"Write it under pins: {admin.pin}.")
        section = reader.section(node, ADMIN_KEYS, "the admin key")
        ciphers = tuple(admin.ciphers)
        cipher = section.read("cipher", lambda value: reader.choice(value, ciphers), _usual_cipher(admin))
        initial_cipher = section.read("initial_cipher", lambda value: reader.choice(value, ciphers), "")
        if section.get("final") is not None and not cipher:
            raise section.place.error("say which `cipher` the new admin key is for", f"One of {', '.join(ciphers)}.")
        new = self._wanted_key((cipher,), published=False)
        final = section.read("final", lambda value: read_rule(value, new, self._scope), None)
        old = self._wanted_key((initial_cipher,) if initial_cipher else ciphers, published=True)
        key = Scalar(place=section.place, text=ADMIN, plain=True)
        initial = self._initial(key, section, old, final)
        return AdminPlan(initial=initial, final=final, initial_cipher=initial_cipher, cipher=cipher if final else "")

    # Keys and objects

    def _keys(self, node: Tree) -> dict[str, KeyPlan]:
        entries = reader.entries(node, "a mapping of keys")
        found = [self._scope.problems.attempt(None, self._key, key, value) for key, value in entries]
        return {key.name: key for key in found if key is not None}

    def _key(self, key: Scalar, node: Tree) -> KeyPlan:
        slots = self._profile.keys
        if key.text not in slots:
            hint = reader.suggestion(key.text, slots) or f"It has {', '.join(slots)[:200] or 'none'}."
            raise key.place.error(f"cards of the profile {self._profile.id} have no key named {key.text[:64]}", hint)
        section = reader.section(node, KEY_KEYS, f"the key {key.text}")
        source = section.get("import")
        self._check_can(key.place, "generate" if source is None else "import")
        types = list(dict.fromkeys(name for one in self._profile.algorithms.values() for name in one.types))
        type_node = section.need("type") if source is None else section.get("type")
        type_name = "" if type_node is None else reader.choice(type_node, types)
        certificate = section.get("certificate")
        with_certificate = isinstance(certificate, Scalar) and certificate.text == IMPORTED and source is not None
        made = certificate is not None and not with_certificate
        plan = KeyPlan(
            name=key.text,
            type=type_name,
            label=section.read("label", self._label, None),
            imported=None if source is None else self._import(source, with_certificate=with_certificate),
            certificate=self._certificate(certificate) if made and certificate is not None else None,
        )
        if made and source is None:
            self._check_can_sign(key.place, slots[key.text], type_name)
        return plan

    def _label(self, node: Tree) -> Template:
        if self._profile.directory not in NAMING:
            raise node.place.error(f"cards of the profile {self._profile.id} keep no names of keys", "Remove it.")
        return self._scope.template(node)

    def _check_can(self, place: Place, operation: str, what: str = "keys") -> None:
        if operation not in self._profile.operations:
            raise place.error(f"cards of the profile {self._profile.id} cannot {operation} {what}")

    def _check_can_sign(self, place: Place, slot: KeySlot, type_name: str) -> None:
        """A certificate is asked for with a signature by its key: proof that the card has it."""
        hint = "Import such a key: then the request is signed before it goes to the card."
        if Usage.SIGN not in slot.usage:
            raise place.error(f"the key {slot.name} cannot sign, and so not ask for a certificate", hint)
        kind = KEY_TYPES[type_name]
        try:
            choose_for_signing(self._profile, kind, request_for(kind, b""))
        except NotSupported as error:
            raise place.error(f"{error.message}, so the key cannot ask for a certificate", hint) from error

    def _import(self, node: Tree, *, with_certificate: bool) -> Import:
        section = reader.section(node, IMPORT_KEYS, "a key that is imported")
        passphrase = read_passphrase(section.need("passphrase"), self._scope)
        pkcs12 = self._scope.template(section.need("pkcs12"))
        if not pkcs12.columns:
            self._scope.file(section.need("pkcs12"))
            hint = "Put a field of the holder's record into its name, as keys/{employee}.p12."
            self._scope.doubts.note(section.need("pkcs12").place, "all holders get the same key", hint)
        return Import(
            pkcs12=pkcs12, passphrase=passphrase, folder=self._scope.folder, with_certificate=with_certificate
        )

    def _certificate(self, node: Tree) -> CertificatePlan:
        section = reader.section(node, CERTIFICATE_KEYS, "a certificate")
        issuer = section.need("issuer")
        name = reader.name(issuer)
        if name not in self._issuers:
            hint = reader.suggestion(name, self._issuers) or f"Issuers: {', '.join(self._issuers) or 'none'}."
            raise issuer.place.error(f"there is no issuer named {name}", hint)
        return CertificatePlan(issuer=name, contents=self._contents(section))

    def _contents(self, section: reader.Section) -> ContentsTemplate:
        def text(node: Tree) -> str:
            return self._scope.card_template(node).text

        return ContentsTemplate(
            subject=text(section.need("subject")),
            days=reader.integer(section.need("days"), 1, MAX_DAYS),
            upn=section.read("upn", text, ""),
            email=section.read("email", text, ""),
            dns=section.read("dns", lambda node: tuple(text(item) for item in reader.one_or_more(node)), ()),
            eku=section.read("eku", _extended_usages, ()),
            key_usage=section.read("key_usage", _key_usages, ()),
            sid=section.read("sid", text, ""),
        )

    def _objects(self, node: Tree) -> dict[str, Content]:
        self._check_can(node.place, "write", "objects")
        found = {}
        for key, value in reader.entries(node, "a mapping of data objects"):
            if key.text not in self._profile.objects and not (reader.is_hex(key.text) and not key.plain):
                known = self._profile.objects
                hint = (
                    reader.suggestion(key.text, known) or f"Objects: {', '.join(known) or 'none'}, or its identifier."
                )
                raise key.place.error(f"there is no object named {key.text[:64]}", hint)
            found[key.text] = read_content(value, self._scope)
        return found

    # What concerns two parts

    def _check_unset(self, plan: CardPlan, section: reader.Section) -> None:
        """A secret that a fresh card does not have is set where the card is initialised, or by the administrator."""
        sets = plan.initialise is not None and "set-up" in self._profile.operations
        by_admin = self._profile.admin is not None and "unblock" in self._profile.operations
        unset = [pin.name for pin in plan.pins.values() if pin.initial is None and not pin.same_as and not by_admin]
        unset += [ADMIN] if plan.admin and plan.admin.initial is None else []
        if unset and not sets:
            hint = "Add `initialise: true` where cards of this family are initialised, else say what a fresh card has."
            self._scope.problems.note(section.place, f"nothing sets {', '.join(unset)}", hint)

    def _check_authority(self, plan: CardPlan, section: reader.Section) -> None:
        """Who has to be proved to the card is in the plan."""
        lacking = self._lacking_for_keys(plan, section)
        if plan.objects:
            lacking |= self._lacking(plan, "write", "", section.need("objects").place)
        for name, place in lacking.items():
            what = "the admin key: add `admin`" if name == ADMIN else f"the PIN {name}: add it under `pins`"
            self._scope.problems.note(place, f"this needs {what}", "With `initial`, and `final` if it is to change.")

    def _lacking_for_keys(self, plan: CardPlan, section: reader.Section) -> dict[str, Place]:
        lacking: dict[str, Place] = {}
        if not plan.keys:
            return lacking
        place = section.need("keys").place
        for key in plan.keys.values():
            slot = self._profile.keys[key.name]
            pin = slot.pin if slot.policy is not PinPolicy.NEVER else ""
            lacking |= self._lacking(plan, "import" if key.imported else "generate", slot.pin, place)
            if pin and pin not in plan.pins:
                lacking[pin] = place
        return lacking

    def _lacking(self, plan: CardPlan, operation: str, pin: str, place: Place) -> dict[str, Place]:
        needs = {step.needs for step in self._profile.operations[operation].steps}
        admin = self._profile.admin
        lacking: dict[str, Place] = {}
        if Needs.ADMIN in needs and admin is not None:
            known = admin.pin in plan.pins if admin.pin else plan.admin is not None
            lacking |= {} if known else {admin.pin or ADMIN: place}
        if Needs.PIN in needs and pin and pin not in plan.pins:
            lacking[pin] = place
        return lacking


def _usual_cipher(admin: Admin) -> str:
    return admin.default_cipher or (next(iter(admin.ciphers)) if len(admin.ciphers) == 1 else "")


def read_passphrase(node: Tree, scope: Scope) -> Given | FromField:
    """Where the password of a file is: a source, or a field of the record."""
    if isinstance(node, Scalar):
        return Given(source=scope.source(node))
    return FromField(column=scope.column(reader.section(node, ("field",), "a password").need("field")))


def _extended_usages(node: Tree) -> tuple[str, ...]:
    return tuple(_extended_usage(item) for item in reader.one_or_more(node))


def _extended_usage(node: Tree) -> str:
    name = reader.text(node)
    try:
        extended_usage(name)
    except InputError as error:
        raise node.place.error(error.message, error.hint) from error
    return name


def _key_usages(node: Tree) -> tuple[str, ...]:
    return tuple(reader.choice(item, KEY_USAGES) for item in reader.one_or_more(node))
