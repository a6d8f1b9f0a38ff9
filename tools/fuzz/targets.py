"""What is fuzzed: functions that take any bytes and may raise nothing but the errors of cardcore, and their seeds.

They know nothing of atheris: `tools/fuzz/session.py` feeds them, and so does a test, with the seeds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial

from cardcore import keytypes
from cardcore.atr import parse as parse_atr
from cardcore.card import Card
from cardcore.channel import Channel
from cardcore.conformance.making import issue
from cardcore.errors import CardError
from cardcore.keytypes import KEY_TYPES, EcPoint, RsaNumbers
from cardcore.opening import open_on
from cardcore.profile import schema
from cardcore.profile.catalog import catalog, shipped_directory
from cardcore.profile.commands import applies, render
from cardcore.profile.keys import ALGORITHM_KEYS, SLOT_KEYS
from cardcore.profile.model import Profile, Reply, Step
from cardcore.profile.operations import STEP_KEYS
from cardcore.profile.replies import REPLY_KEYS
from cardcore.profile.reply import extract
from cardcore.profile.sections import PIN_KEYS
from cardcore.profile.template import Value
from cardcore.profile.tree import Place
from cardcore.profile.vocabulary import NAMES, OPERATIONS, NameKind
from cardcore.secret import Secret
from cardcore.softcard import ScryptCost, factory_secrets, volatile_card
from cardcore.tlv import encode
from cardcore.transport.soft import SoftTransport
from csp_frontend import handshake, marshalling, wire
from csp_frontend.calls import BY_NUMBER, CALLS
from tools.fuzz import plans
from tools.fuzz.jobs import jobs
from tools.fuzz.script import Scribe, ScriptedCard

SHELF = catalog([shipped_directory()])
_PROFILES = tuple(SHELF.load(name) for name in sorted(SHELF.sources))
_HEAD = b'profile: 1\nname: X\nmatch: {aid: "F04C617201"}\npins: {user: {ref: 1, length: [4, 8]}}\n'
_STEP = _HEAD + b"operations:\n  %s:\n    - {ins: 1, data: %s}\n"
_TEMPLATES = (b"sign", b"decipher", b"verify", b"import", b"generate", b"write", b"create-file")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A part that is fuzzed; `longest` is the most bytes of an input that is worth its time.

    `words` are what inputs of this kind are made of.
    """

    text: str
    one: Callable[[bytes], None]
    seeds: Callable[[], Iterator[bytes]]
    longest: int = 4096
    words: tuple[str, ...] = ()


@cache
def _base(name: str, place: Place) -> Profile:
    return SHELF.load(name)


_LIBRARY = schema.Library(base=_base, ids=frozenset(SHELF.sources))


def _read(data: bytes) -> schema.Draft:
    draft = schema.read(data, profile_id="fuzz", file="fuzz.yaml", library=_LIBRARY)
    for error in schema.in_order(draft.problems):
        if not (error.line >= 1 and error.column >= 1):
            raise AssertionError("an error without its place")
    return draft


def profile(data: bytes) -> None:
    """A file as a profile."""
    _read(data)


def _profile_seeds() -> Iterator[bytes]:
    yield from (source.path.read_bytes() for source in SHELF.sources.values())


def template(data: bytes) -> None:
    """Bytes as the data of a step in YAML (the first says of which operation), expanded with values of every size."""
    operation = _TEMPLATES[data[0] % len(_TEMPLATES)] if data else b"sign"
    draft = _read(_STEP % (operation, data[2:]))
    if draft.problems.found:
        return
    size = data[1] if len(data) > 1 else 0
    for step in draft.profile.operations[operation.decode()].steps:
        _expand(step, size)


def _expand(step: Step, size: int) -> None:
    values = {name: _value(name, size) for name in NAMES}
    with suppress(CardError):
        if applies(step, values):
            apdu = render(step, values).apdu
            apdu.encode()


def _value(name: str, size: int) -> Value | Secret:
    entry = NAMES[name]
    match entry.kind:
        case NameKind.BYTE:
            return size & 0xFF
        case NameKind.NUMBER:
            return size * 257
        case NameKind.WORD:
            return entry.values[size % len(entry.values)] if entry.values else "1"
        case NameKind.SECRET:
            return Secret(bytes(size * 200))
        case _:
            return bytes(size * 300)


def _template_seeds() -> Iterator[bytes]:
    yield b"\x00\x20$input"
    yield b'\x01\x20["81", $input]'
    yield b"\x00\x20{0xAC: {0x80: $alg.byte, 0x83: $key.ref}}"
    yield b"\x02\x04[$pin.block]"
    yield b"\x03\x01{0x7F48: {0x92: $private.p, 0x93: $private.q}}"
    yield b'\x04\x01{0x91: {by: $key.type, rsa1024: "0400", rsa2048: "0800"}}'
    yield b"\x05\xff[{0x5C: $object}, {0x53: $content}]"
    yield b'\x06\x02{0x62: {0x80: $file.size, 0x86: {by: $file.access, free: "00", pin: "01"}}}'


def _replies() -> list[Reply]:
    steps = (step for one in _PROFILES for operation in one.operations.values() for step in operation.steps)
    return [step.reply for step in steps if step.reply is not None]


_REPLIES = _replies()


def reply(data: bytes) -> None:
    """Bytes as the data field that one of the shipped profiles' replies describes; the first two choose it."""
    chosen = _REPLIES[int.from_bytes(data[:2]) % len(_REPLIES)]
    with suppress(CardError):
        found = extract(chosen, data[2:])
        numbers = found.get("public") if isinstance(found, dict) else found
        if isinstance(numbers, RsaNumbers | EcPoint):
            kinds = list(KEY_TYPES.values())
            keytypes.public_key(numbers, kinds[len(data) % len(kinds)])


def _reply_seeds() -> Iterator[bytes]:
    point = b"\x04" + bytes(64)
    key = encode(0x81, b"\xc1" * 256) + encode(0x82, b"\x01\x00\x01") + encode(0x86, point)
    for number in range(len(_REPLIES)):
        for content in (b"", encode(0x7F49, key), encode(0x53, encode(0x70, key)), encode(0x7C, encode(0x82, point))):
            yield number.to_bytes(2) + content


def card(name: str, data: bytes) -> None:
    """Bytes as the replies of a card of one family while one job is done; the first byte says which."""
    chosen = SHELF.load(name)
    todo = list(jobs(chosen).values())
    opened = Card(chosen, Channel(ScriptedCard(data[1:])), aid=b"".join(chosen.match.aids[:1]), selected=True)
    with suppress(CardError):
        todo[(data[0] if data else 0) % len(todo)](opened)


def _card_seeds(name: str) -> Iterator[bytes]:
    """What a software card of the family answers to each job, with a key and a certificate on it."""
    made = volatile_card(name, cost=ScryptCost(n=16))
    secrets = factory_secrets(name)
    with open_on(SoftTransport(made, "seed"), name) as one:
        if secrets.admin:
            one.authenticate_admin(secrets.admin)
        one.verify(secrets.pin or b"")
        slot = next(iter(one.profile.keys))
        one.write_certificate(slot, issue(one.generate(slot, "rsa2048")))
    for number, job in enumerate(jobs(SHELF.load(name)).values()):
        made.reset()
        scribe = Scribe(SoftTransport(made, "seed"))
        opened = open_on(scribe, name)
        scribe.script = b""  # the script begins when the card is selected
        with suppress(CardError):
            job(opened)
        yield bytes((number,)) + scribe.script


def frame(data: bytes) -> None:
    """Bytes as a frame between client and agent, and as the arguments of the function that it calls."""
    with suppress(wire.WireError):
        found = wire.decode(data)
        if isinstance(found, wire.Call) and found.number in BY_NUMBER:
            marshalling.to_arguments(BY_NUMBER[found.number], found.values)


def _frame_seeds() -> Iterator[bytes]:
    yield wire.encode(handshake.hello(pid=1, process=bytes(16), program="x"))[wire.LENGTH_SIZE :]
    yield wire.encode(wire.Proof(proof=bytes(32)))[wire.LENGTH_SIZE :]
    content = {
        wire.Kind.NOTHING: None,
        wire.Kind.NUMBER: 1,
        wire.Kind.HANDLE: 1,
        wire.Kind.BYTES: b"x",
        wire.Kind.TEXT: "x",
    }
    for call in CALLS:
        kinds = [marshalling.ON_THE_WIRE[parameter.kind][0] for parameter in call.inputs]
        values = tuple(wire.Value(kind=kind, content=content[kind]) for kind in kinds)
        yield wire.encode(wire.Call(sequence=1, thread=1, number=call.number, values=values))[wire.LENGTH_SIZE :]


def atr(data: bytes) -> None:
    """Bytes as an answer to reset."""
    with suppress(CardError):
        parse_atr(data)


def _atr_seeds() -> Iterator[bytes]:
    yield bytes.fromhex("3BFE1300008131FE458073C021C0586C61726B737075727C")
    yield bytes.fromhex("3B8F8001804F0CA000000306030001000000006A")


_FAMILIES = {
    "pkcs15": ("isoapplet", "a PKCS#15 directory: the replies of a card with such files"),
    "gids": ("gids", "a GIDS directory: the replies of a card of the family"),
    "openpgp": ("openpgp", "the data objects of an OpenPGP card: its replies"),
    "piv": ("piv", "the data objects of a PIV card: its replies"),
}

_WORDS = (
    *(f"{key}: " for key in (*schema.PROFILE_KEYS, *STEP_KEYS, *REPLY_KEYS, *PIN_KEYS, *SLOT_KEYS, *ALGORITHM_KEYS)),
    *(f"{operation}: " for operation in OPERATIONS),
    *(f"${name}" for name in NAMES),
    *KEY_TYPES,
)

TARGETS = {
    "profile": Target(
        text="the profile loader and schema", one=profile, seeds=_profile_seeds, longest=16384, words=_WORDS
    ),
    "template": Target(
        text="the template grammar and its expansion", one=template, seeds=_template_seeds, longest=1024, words=_WORDS
    ),
    "reply": Target(text="what profiles take out of replies", one=reply, seeds=_reply_seeds),
    **{
        name: Target(text=text, one=partial(card, family), seeds=partial(_card_seeds, family), longest=16384)
        for name, (family, text) in _FAMILIES.items()
    },
    "frame": Target(text="frames between the CSP's client and agent", one=frame, seeds=_frame_seeds),
    "plan": Target(
        text="plans of personalisation", one=plans.plan, seeds=plans.plan_seeds, longest=8192, words=plans.WORDS
    ),
    "holders": Target(text="holders' records: CSV and JSON Lines", one=plans.holders, seeds=plans.holders_seeds),
    "atr": Target(text="answers to reset", one=atr, seeds=_atr_seeds, longest=64),
}
"""Every target by its name."""
