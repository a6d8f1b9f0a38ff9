"""Values for the names of an operation: what the profile knows of itself, and placeholders of the right size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cardcore import signing
from cardcore.errors import InputError, NotSupported
from cardcore.keytypes import KEY_TYPES, KeyType, Kind, key_type
from cardcore.pin import PinEncoding, PinSpec
from cardcore.profile.commands import algorithm_values
from cardcore.profile.model import Algorithm, DecipherResult, InputForm, KeySlot, Profile, Scheme, Usage
from cardcore.profile.template import Value
from cardcore.profile.vocabulary import ANY_POLICY, NAMES, OPERATIONS, NameKind

_PIN_CHARACTERS = 6
_CIPHERS: Mapping[str, tuple[int, int]] = {"3des": (24, 8), "aes128": (16, 16), "aes192": (24, 16), "aes256": (32, 16)}
# Sizes in bytes of values that a card, a file or a caller decides: examples.
_EXAMPLES: Mapping[str, int] = {
    "object": 2,
    "content": 16,
    "offset": 2,
    "parent": 4,
    "parent.id": 2,
    "file.id": 2,
    "file.size": 2,
    "key.file": 2,
    "key.file.id": 2,
    "key.certificate": 2,
}
_USES: Mapping[str, Usage] = {"sign": Usage.SIGN, "decipher": Usage.DECIPHER, "agree": Usage.AGREE}
_FORMS: Mapping[InputForm, str] = {
    InputForm.HASH: "the hash",
    InputForm.HASH_LEFT_PADDED: "the hash, cut or padded to the size of the field",
    InputForm.MESSAGE: "the message, which the card hashes",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is asked for: an operation and, where they matter, key, type, hash, scheme and PIN; empty: the first."""

    operation: str
    key: str = ""
    type_name: str = ""
    hash_name: str = "sha256"
    scheme: Scheme | None = None
    oid: bool = True
    pin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placeholder:
    """Bytes that are not known without a card or a person: how many there are, or are in this example."""

    size: int
    text: str
    example: bool = False


@dataclass(slots=True, kw_only=True, frozen=True)
class Given:
    """Known values, placeholders for the others, and in words what was decided."""

    values: dict[str, Value] = field(default_factory=dict)
    placeholders: dict[str, Placeholder] = field(default_factory=dict)
    about: list[tuple[str, str]] = field(default_factory=list)
    pin: str = ""


def given(profile: Profile, wish: Wish) -> Given:
    """Values for every name that the operation may use; InputError, NotSupported for a wish that cannot be."""
    found = Given(pin=wish.pin or next(iter(profile.pins), ""))
    found.values["op"] = wish.operation
    names = OPERATIONS[wish.operation].names
    if profile.match.aids:
        found.values["aid"] = profile.match.aids[0]
    if any(name.startswith("key.") for name in names):
        found = _with_key(profile, wish, found)
    if any(name.startswith(("pin.", "new_pin.", "puk.")) for name in names):
        _add_pins(profile, found)
    if profile.admin is not None:
        _add_admin(profile, found)
    for name in sorted(names - found.values.keys() - found.placeholders.keys()):
        _add_example(name, found)
    return found


def _add_example(name: str, found: Given) -> None:
    entry = NAMES[name]
    if entry.kind is NameKind.WORD and entry.values:
        found.values[name] = entry.values[-1]
    elif entry.kind is NameKind.BYTE:
        found.placeholders[name] = Placeholder(size=1, text=entry.text)
    elif name in _EXAMPLES:
        found.placeholders[name] = Placeholder(size=_EXAMPLES[name], text=entry.text, example=True)


def _add_pins(profile: Profile, found: Given) -> None:
    spec = profile.pins.get(found.pin)
    if spec is None:
        known = ", ".join(profile.pins) or "none"
        raise InputError(f"the profile {profile.id} has no PIN named {found.pin}", hint=f"It has {known}.")
    found.about.append(("PIN", f"{spec.name} ({spec.label or spec.name})"))
    found.values.update({"pin.name": spec.name, "pin.ref": spec.ref})
    found.placeholders["pin.block"] = _block("the PIN", spec)
    found.placeholders["new_pin.block"] = _block("the new PIN", spec)
    puk = profile.pins.get(spec.unblock)
    found.values["authority"] = "admin" if puk is None else "puk"
    if puk is not None:
        found.values["puk.ref"] = puk.ref
        found.placeholders["puk.block"] = _block("the PUK", puk)


def _block(what: str, spec: PinSpec) -> Placeholder:
    characters = max(spec.minimum, min(spec.maximum, _PIN_CHARACTERS))
    bounds = f"{spec.minimum} to {spec.maximum}" if spec.minimum != spec.maximum else str(spec.minimum)
    unit = "digits" if spec.digits or spec.encoding in (PinEncoding.BCD, PinEncoding.FORMAT_2) else "characters"
    text = f"{what}, {bounds} {unit}, {spec.encoding.value}"
    if spec.encoding is PinEncoding.FORMAT_2:
        return Placeholder(size=8, text=text)
    if spec.pad_to:
        return Placeholder(size=spec.pad_to, text=f"{text}, padded with {spec.pad_byte:02X} to {spec.pad_to} bytes")
    size = characters if spec.encoding is PinEncoding.ASCII else (characters + 1) // 2
    return Placeholder(size=size, text=text, example=spec.minimum != spec.maximum)


def _add_admin(profile: Profile, found: Given) -> None:
    admin = profile.admin
    if admin is None or not admin.ciphers:
        return
    cipher = admin.default_cipher or next(iter(admin.ciphers))
    key, block = _CIPHERS[cipher]
    found.values.update({"admin.ref": admin.ref, "admin.alg": admin.ciphers[cipher]})
    found.values.update({"new_admin.alg": admin.ciphers[cipher], "new_admin.length": key})
    for name in ("witness", "challenge", "response"):
        found.placeholders[name] = Placeholder(size=block, text=f"{NAMES[name].text} ({cipher})")
    found.placeholders["new_admin.key"] = Placeholder(size=key, text=f"{NAMES['new_admin.key'].text} ({cipher})")


def _with_key(profile: Profile, wish: Wish, found: Given) -> Given:
    slot = _slot(profile, wish)
    values, pin = found.values, found.pin
    if slot is not None:
        values |= {"key.name": slot.name, "key.ref": slot.ref}
        values |= {"key.file": slot.file, "key.file.id": slot.file[-2:]} if slot.file else {}
        values |= {"key.certificate": slot.certificate} if slot.certificate else {}
        pin = wish.pin or slot.pin
        found.about.append(("key", f"{slot.name} ({slot.label})" if slot.label else slot.name))
    kind = _kind(profile, wish)
    values |= {"key.type": kind.name, "key.kind": kind.kind.value, "key.size": kind.bits}
    values |= {"key.policy": ANY_POLICY, "key.touch": ANY_POLICY}
    found.about.append(("type", kind.name))
    _add_private(kind, found)
    if "alg.byte" in OPERATIONS[wish.operation].names:
        algorithm = _algorithm(profile, wish, kind, found)
        found.about.append(("algorithm", algorithm.name))
        rendered = algorithm_values(algorithm, profile.operations[wish.operation], values)
        values |= rendered
        if len(rendered.get("alg.byte", b"")) == 1:
            values["alg.byte"] = rendered["alg.byte"][0]
    return Given(values=values, placeholders=found.placeholders, about=found.about, pin=pin)


def _slot(profile: Profile, wish: Wish) -> KeySlot | None:
    """The key asked for, else the first that is for this; None where only the card names its keys."""
    if wish.key:
        found = profile.keys.get(wish.key) or profile.keys.get(wish.key.lower())
        if found is None and profile.keys:
            raise InputError(f"the profile {profile.id} has no key {wish.key}", hint=f"It has {_listed(profile.keys)}.")
        return found
    usage = _USES.get(wish.operation)
    return next((slot for slot in profile.keys.values() if usage is None or usage in slot.usage), None)


def _listed(names: Mapping[str, object]) -> str:
    found = list(names)
    return ", ".join(found if len(found) < 12 else [*found[:3], "...", found[-1]])


def _kind(profile: Profile, wish: Wish) -> KeyType:
    """The type asked for, else the first with which the operation can run as it was asked for."""
    if wish.type_name:
        return key_type(wish.type_name)
    usable = [algorithm for algorithm in profile.algorithms.values() if _fits(algorithm, wish)]
    names = [name for algorithm in usable for name in algorithm.types]
    if not names:
        raise NotSupported(f"no algorithm of the profile {profile.id} is for {wish.operation}")
    preferred = "rsa2048" if "rsa2048" in names and wish.scheme is not Scheme.ECDSA else names[0]
    return KEY_TYPES[preferred]


def _fits(algorithm: Algorithm, wish: Wish) -> bool:
    kind = KEY_TYPES[algorithm.types[0]].kind
    match wish.operation:
        case "sign":
            suits = wish.scheme is None or (wish.scheme is Scheme.ECDSA) == (kind is Kind.EC)
            return algorithm.sign is not None and suits
        case "decipher":
            return algorithm.decipher is not None
        case "agree":
            return algorithm.agree
        case _:
            return True


def _algorithm(profile: Profile, wish: Wish, kind: KeyType, found: Given) -> Algorithm:
    match wish.operation:
        case "sign":
            return _signing(profile, wish, kind, found)
        case "decipher":
            scheme = wish.scheme or Scheme.PKCS1
            algorithm = signing.choose_for_deciphering(profile, kind, scheme)
            plain = algorithm.decipher is DecipherResult.PLAIN
            found.values.update({"scheme": scheme.value, "hash": wish.hash_name})
            found.about.append(("answer", "the message" if plain else "the padded block, which the host unpads"))
            found.placeholders["input"] = Placeholder(size=kind.size, text="the ciphertext")
            return algorithm
        case "agree":
            found.values["scheme"] = Scheme.ECDSA.value
            text = "the other side's public key, an uncompressed point"
            found.placeholders["peer"] = Placeholder(size=1 + 2 * kind.size, text=text)
            return signing.choose_for_agreement(profile, kind)
        case _:
            return signing.choose_by_type(profile, kind)


def _signing(profile: Profile, wish: Wish, kind: KeyType, found: Given) -> Algorithm:
    request = signing.request_for(kind, b"", hash_name=wish.hash_name, scheme=wish.scheme, oid=wish.oid)
    algorithm = signing.choose_for_signing(profile, kind, request)
    content = signing.signature_input(algorithm, kind, request)
    form = _form(algorithm, request)
    example = algorithm.sign is InputForm.MESSAGE
    size = len(content) or (32 if example else 0)
    found.placeholders["input"] = Placeholder(size=size, text=form, example=example)
    found.values.update({"scheme": request.scheme.value, "hash": request.hash_name})
    found.about.append(("signature", f"{request.scheme.value} with {request.hash_name}, the card gets {form}"))
    return algorithm


def _form(algorithm: Algorithm, request: signing.SignRequest) -> str:
    """What `$input` is for this signature, in words."""
    content = f"DigestInfo of {request.hash_name}" if request.oid else f"the bare {request.hash_name}"
    if algorithm.sign is InputForm.PADDED:
        around = f" around {content}" if request.scheme is Scheme.PKCS1 else ""
        return f"the padded block ({request.scheme.value}){around}"
    return _FORMS.get(algorithm.sign or InputForm.HASH, content)


def _add_private(kind: KeyType, found: Given) -> None:
    if kind.kind is Kind.RSA:
        half = kind.size // 2
        sizes = {"n": kind.size, "e": 3, "d": kind.size, **dict.fromkeys(("p", "q", "dp", "dq", "qinv"), half)}
    else:
        sizes = {"d": kind.size, "public": 1 + 2 * kind.size}
    for part, size in sizes.items():
        name = f"private.{part}"
        found.placeholders[name] = Placeholder(size=size, text=NAMES[name].text)
