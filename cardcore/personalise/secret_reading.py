"""Reads what a plan says of one secret: where it comes from, or how it is made; checked against what the card takes."""

from __future__ import annotations

from dataclasses import dataclass

from cardcore.errors import InputError
from cardcore.personalise.derivation import MAX_CONTEXT
from cardcore.personalise.plan import Derived, Form, FromField, Given, Published, Random, SecretRule
from cardcore.personalise.plan_scope import Scope
from cardcore.pin import PinEncoding, PinSpec
from cardcore.procedures import CIPHERS
from cardcore.profile import reader
from cardcore.profile.tree import Scalar, Tree, shown
from cardcore.secret import Secret

FACTORY = "factory"
UNSET = "unset"
RANDOM = "random"
RULE_KEYS = ("published", "field", "random", "derived")
FORM_KEYS = ("digits", "characters")
DERIVED_KEYS = ("master", "generation", "context", *FORM_KEYS)

LEAST_DIGITS = 4
MOST_GENERATIONS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What kind of secret is read: a PIN of the card (`pin`), or an admin key for one of these ciphers."""

    what: str
    pin: PinSpec | None = None
    ciphers: tuple[str, ...] = ()
    may_be_published: bool = False


def read_rule(node: Tree, wanted: Wanted, scope: Scope) -> SecretRule:
    """How the secret is found; an error where it cannot fit the card."""
    if isinstance(node, Scalar) and node.plain and node.text == RANDOM:
        return Random(form=_form(node, None, wanted))
    if isinstance(node, Scalar):
        return Given(source=scope.source(node))
    section = reader.section(node, RULE_KEYS, wanted.what)
    if len(section.node.entries) != 1:
        raise node.place.error(f"expected one of {', '.join(RULE_KEYS)} for {wanted.what}, found {shown(node)}")
    key, value = section.node.entries[0]
    match key.text:
        case "published":
            return Given(source=_published(value, wanted))
        case "field":
            return FromField(column=scope.column(value))
        case "random":
            return Random(form=_form(value, reader.section(value, FORM_KEYS, "a random secret"), wanted))
    return _derived(value, wanted, scope)


def _derived(node: Tree, wanted: Wanted, scope: Scope) -> Derived:
    section = reader.section(node, DERIVED_KEYS, "a derived secret")
    return Derived(
        master=scope.source(section.need("master")),
        generation=section.read("generation", lambda value: reader.integer(value, 1, MOST_GENERATIONS), 1),
        context=section.read("context", _context, ""),
        form=_form(node, section, wanted),
    )


def _context(node: Tree) -> str:
    text = reader.text(node)
    if len(text.encode()) > MAX_CONTEXT:
        raise node.place.error(f"expected at most {MAX_CONTEXT} bytes of text")
    return text


def _published(node: Tree, wanted: Wanted) -> Published:
    if not wanted.may_be_published:
        hint = "Everybody can read it here. Use random, derived, field or a source."
        raise node.place.error(f"a published secret cannot become {wanted.what} of a finished card", hint)
    secret = Secret(reader.text(node).encode())
    try:
        check_secret(secret, wanted)
    except InputError as error:
        raise node.place.error(error.message, error.hint) from error
    return Published(value=secret)


def check_secret(secret: Secret, wanted: Wanted) -> None:
    """InputError, which does not show it, if the card could not take the secret as it stands in its source."""
    if wanted.pin is not None:
        wanted.pin.block(secret).wipe()
        return
    with key_from_text(secret, wanted.what) as key:
        sizes = sorted({size for cipher in wanted.ciphers for size in CIPHERS[cipher].key_sizes})
        if len(key) not in sizes:
            hint = f"It has {' or '.join(map(str, sizes))} bytes, two hexadecimal digits each."
            raise InputError(f"{wanted.what} has {len(key)} bytes", hint=hint)


def key_from_text(text: Secret, what: str) -> Secret:
    """A key that is written in hexadecimal; InputError that does not show it."""
    try:
        return Secret(bytes.fromhex(text.reveal().decode("ascii")))
    except ValueError:
        pass
    raise InputError(f"{what} is not hexadecimal", hint="Use pairs of the digits 0 to 9 and A to F.")


def _form(node: Tree, section: reader.Section | None, wanted: Wanted) -> Form:
    """How a secret that is made looks; a key has the length that its cipher wants."""
    lengths = [] if section is None else [entry for entry in section.node.entries if entry[0].text in FORM_KEYS]
    if wanted.pin is None:
        if lengths:
            raise lengths[0][0].place.error("an admin key has the length that its cipher wants", "Leave this out.")
        return Form()
    if len(lengths) != 1:
        hint = "As {random: {digits: 6}} or {random: {characters: 8}}."
        raise node.place.error("a PIN that is made needs either `digits` or `characters`", hint)
    key, value = lengths[0]
    spec = wanted.pin
    length = reader.integer(value, max(spec.minimum, LEAST_DIGITS), spec.maximum)
    if key.text == "characters" and (spec.digits or spec.encoding is not PinEncoding.ASCII):
        raise key.place.error(f"the {spec.label or spec.name} of this card holds digits only", "Use `digits`.")
    try:
        spec.block(Secret(b"1" * length)).wipe()
    except InputError as error:
        raise value.place.error(error.message, error.hint) from error
    return Form(digits=length) if key.text == "digits" else Form(characters=length)
