"""The secrets of one card: what the plan's rules come to for this holder and this serial number."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from cardcore.errors import InputError
from cardcore.personalise.derivation import derived_key, derived_pin, information
from cardcore.personalise.pin_policy import random_pin
from cardcore.personalise.plan import (
    AdminPlan,
    CardPlan,
    Derived,
    FromField,
    Given,
    Import,
    Plan,
    SecretRule,
)
from cardcore.personalise.secret_reading import Wanted, check_secret, key_from_text
from cardcore.procedures import CIPHERS
from cardcore.secret import Secret
from cardcore.sources import SourceError

_ANY_SERIAL = "0"


@dataclass(frozen=True, slots=True, kw_only=True)
class CardSecrets:
    """Finds the secrets of one card; whoever asks for one wipes it.

    A secret that is made at random is another one each time: ask once, and keep it. InputError, which never shows a
    secret, where there is none or the card could not take it: nothing has been sent then.
    """

    plan: CardPlan
    fields: Mapping[str, str]
    serial: str

    def initial_pin(self, name: str) -> Secret | None:
        """The PIN of the fresh card; None if it has none yet."""
        owner = self._owner(name)
        rule = self.plan.pins[owner].initial
        return None if rule is None else self._pin(owner, rule)

    def final_pin(self, name: str) -> Secret | None:
        """The PIN of the finished card; None if the initial one stays."""
        owner = self._owner(name)
        rule = self.plan.pins[owner].final
        return None if rule is None else self._pin(owner, rule)

    def initial_admin(self) -> Secret | None:
        """The admin key of the fresh card; None if it has none yet."""
        admin = self._admin_plan()
        return None if admin.initial is None else self._admin(admin.initial, admin.initial_cipher)

    def final_admin(self) -> Secret | None:
        """The admin key of the finished card; None if the initial one stays."""
        admin = self._admin_plan()
        return None if admin.final is None else self._admin(admin.final, admin.cipher)

    def passphrase(self, imported: Import) -> Secret:
        """The password of the file from which a key is imported."""
        return self._stated(imported.passphrase, "the file's password")

    def check_record(self) -> None:
        """InputError if a secret that is in the holder's record is missing there, or the card could not take it."""
        for _, rule, find in self.all():
            if isinstance(rule, FromField):
                find().wipe()

    def all(self) -> Iterator[tuple[str, SecretRule, Callable[[], Secret]]]:
        """Every secret by what it is, with its rule, and with what finds it."""
        for name, pin in self.plan.pins.items():
            for stage, rule in (("initial", pin.initial), ("final", pin.final)):
                if rule is not None:
                    yield f"{stage} {name}", rule, partial(self._pin, name, rule)
        if self.plan.admin is not None:
            admin = self.plan.admin
            stages = (("initial", admin.initial, admin.initial_cipher), ("final", admin.final, admin.cipher))
            for stage, rule, cipher in stages:
                if rule is not None:
                    yield f"{stage} admin key", rule, partial(self._admin, rule, cipher)
        for key in self.plan.keys.values():
            if key.imported is not None:
                yield f"password of {key.name}", key.imported.passphrase, partial(self.passphrase, key.imported)

    def _owner(self, name: str) -> str:
        return self.plan.pins[name].same_as or name

    def _admin_plan(self) -> AdminPlan:
        if self.plan.admin is None:
            raise InputError("the plan says nothing of the admin key", hint="Add `admin` to the plan.")
        return self.plan.admin

    def _pin(self, name: str, rule: SecretRule) -> Secret:
        spec = self.plan.profile.pins[name]
        wanted = Wanted(what=f"the {spec.label or spec.name}", pin=spec)
        match rule:
            case Derived():
                with _master(rule) as master:
                    info = information(f"pin:{name}", self.serial, rule.generation, rule.context)
                    return derived_pin(master, info, rule.form)
            case Given() | FromField():
                found = self._stated(rule, wanted.what)
                check_secret(found, wanted)
                return found
        return random_pin(rule.form, self._published(name))

    def _published(self, name: str) -> list[Secret]:
        """What a fresh card has, which no finished card may have."""
        initial = self.plan.pins[name].initial
        return [initial.source()] if isinstance(initial, Given) else []

    def _admin(self, rule: SecretRule, cipher: str) -> Secret:
        admin = self.plan.profile.admin
        ciphers = (cipher,) if cipher else tuple(admin.ciphers) if admin else ()
        wanted = Wanted(what="the admin key", ciphers=ciphers)
        if isinstance(rule, Given | FromField):
            with self._stated(rule, wanted.what) as text:
                check_secret(text, wanted)
                return key_from_text(text, wanted.what)
        size = CIPHERS[ciphers[0]].key_sizes[0]
        if not isinstance(rule, Derived):
            return Secret(secrets.token_bytes(size))
        with _master(rule) as master:
            info = information(f"admin:{ciphers[0]}", self.serial, rule.generation, rule.context)
            return derived_key(master, info, size)

    def _stated(self, rule: Given | FromField, what: str) -> Secret:
        if isinstance(rule, Given):
            return rule.source()
        found = self.fields.get(rule.column, "")
        if not found:
            raise InputError(f"{what} is missing: the field {rule.column} is empty", hint="Complete the record.")
        return Secret(found.encode())


def _master(rule: Derived) -> Secret:
    with rule.master() as text:
        return key_from_text(text, f"the master key ({rule.master})")


def master_check(rule: Derived) -> str:
    """Eight bytes, in hexadecimal, by which a master key is recognised again: derived from it as secrets are."""
    with _master(rule) as master, derived_key(master, information("check", "master", 1), 8) as check:
        return check.reveal().hex()


def require_sources(plan: Plan) -> None:
    """InputError if a secret that is the same for all cards, or a master key, cannot be had or does not fit."""
    for error, _ in check_sources(plan):
        raise error


def check_sources(plan: Plan) -> Iterator[tuple[InputError, bool]]:
    """Yield what is wrong with the secrets that are the same for all cards, and whether they are just not there.

    Master keys are read too. No error shows a secret.
    """
    for card in plan.cards.values():
        found = CardSecrets(plan=card, fields={}, serial=_ANY_SERIAL)
        for what, rule, find in found.all():
            if not isinstance(rule, Given | Derived):
                continue
            try:
                find().wipe()
            except InputError as error:
                message = f"cards of the profile {card.profile.id}, {what}: {error.message}"
                yield InputError(message, hint=error.hint), isinstance(error, SourceError)
