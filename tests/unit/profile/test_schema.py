"""What valid profiles become: defaults, inheritance, ranges, templates."""

from __future__ import annotations

import pytest

from cardcore.pin import PinEncoding, PinKdf, PinSpec
from cardcore.profile.model import (
    Admin,
    Extended,
    KeySlot,
    KeySpec,
    Limits,
    Masked,
    Match,
    Needs,
    PinPolicy,
    Reply,
    ReplyMatch,
    Scheme,
    Usage,
)
from cardcore.profile.template import DataObject, Join, Literal, Name, Node, Table
from tests.unit.profile.profile_text import CARD, HEAD, draft, profile


def data_of(text: str, operation: str = "sign") -> Node | None:
    return (
        profile(CARD + f"operations: {{{operation}: [{{ins: 1, data: {text}}}]}}").operations[operation].steps[0].data
    )


def reply_of(text: str) -> Reply | None:
    return profile(CARD + f"operations: {{sign: [{{ins: 1, reply: {text}}}]}}").operations["sign"].steps[0].reply


TEMPLATES = [
    ("0x10", Literal(data=b"\x10")),
    ('""', Literal(data=b"")),
    ('"a0B1"', Literal(data=b"\xa0\xb1")),
    ("$input", Name(name="input")),
    ("[$input]", Name(name="input")),
    ('[1, "02", $input, 3]', Join(parts=(Literal(data=b"\x01\x02"), Name(name="input"), Literal(data=b"\x03")))),
    ('{0x7F49: {0x80: "", 0x81: [1, 2]}}', Literal(data=bytes.fromhex("7F490680008102") + b"\x01\x02")),
    ("{0x80: $input}", DataObject(tag=b"\x80", value=Name(name="input"))),
    ("[{0x80: 1}, {0x80: 2}]", Literal(data=bytes.fromhex("800101800102"))),
    ('{0x80: "' + "00" * 200 + '"}', Literal(data=bytes.fromhex("8081C8") + bytes(200))),
    (
        '{by: $key.kind, rsa: "00", ec: {0x80: $input}}',
        Table(
            by="key.kind",
            entries={"rsa": Literal(data=b"\x00"), "ec": DataObject(tag=b"\x80", value=Name(name="input"))},
        ),
    ),
    (
        "{by: $key.ref, 0x80: 1, 129: 2}",
        Table(by="key.ref", entries={0x80: Literal(data=b"\1"), 129: Literal(data=b"\2")}),
    ),
    ("{by: $key.name, 82: 1}", Table(by="key.name", entries={"82": Literal(data=b"\x01")})),
]


@pytest.mark.parametrize(("text", "node"), TEMPLATES, ids=lambda value: str(value)[:30])
def test_templates(text: str, node: Node) -> None:
    assert data_of(text) == node


REPLIES = [
    ("{}", Reply()),
    ("{path: [0x7C, 0x82]}", Reply(path=(0x7C, 0x82))),
    ("{find: 0x7F49, ec: {point: 0x86}}", Reply(find=0x7F49, point=0x86)),
    ("{byte: 4, values: {0: no, 0x01: yes}}", Reply(byte=4, values={0: "no", 1: "yes"})),
    (
        "{rsa: {n: whole, e: '010001'}, order: little}",
        Reply(whole_modulus=True, fixed_exponent=b"\1\0\1", little_endian=True),
    ),
    ("{rsa: {n: 0x81, e: 0x82}, order: big}", Reply(modulus=0x81, exponent=0x82)),
    ("{rsa: {n: 0x81, e: '03'}}", Reply(modulus=0x81, fixed_exponent=b"\3")),
    ("{fields: {a-b: {byte: 1}, c: {}}}", Reply(fields={"a-b": Reply(byte=1), "c": Reply()})),
]


@pytest.mark.parametrize(("text", "reply"), REPLIES)
def test_replies(text: str, reply: Reply) -> None:
    assert reply_of(text) == reply


EVERYTHING = """
operations:
  sign:
    - {ins: 1, reply: {byte: 0}, save: slot}
    - cla: 0x80
      ins: {by: $key.kind, rsa: 1, ec: 2}
      p1: $slot
      p2: $key.ref
      data: $input
      le: 65536
      extended: true
      expect: [0x9000, 0x6282, retries]
      when: {key.kind: rsa, key.size: [1024, 2048], slot: 3}
      needs: pin
"""


def test_a_step_with_everything() -> None:
    first, step = profile(CARD + EVERYTHING).operations["sign"].steps
    assert (first.save, first.line, first.p1, first.le, first.when) == ("slot", 9, Literal(data=b"\0"), None, {})
    assert (first.expect, first.retries, first.reply) == (frozenset({0x9000}), False, Reply(byte=0))
    assert isinstance(step.ins, Table)
    assert (step.p1, step.p2, step.data) == (Name(name="slot"), Name(name="key.ref"), Name(name="input"))
    assert (step.le, step.extended, step.needs) == (0, True, Needs.PIN)
    assert (step.expect, step.retries) == (frozenset({0x9000, 0x6282}), True)
    assert step.when == {"key.kind": {"rsa"}, "key.size": {1024, 2048}, "slot": {3}}


def test_saved_bytes_and_words() -> None:
    text = (
        "operations: {sign: [{ins: 1, reply: {}, save: a}, {ins: 1, reply: {byte: 0, values: {1: x}}, save: b}, "
        "{ins: 2, data: $a, when: {b: [x, y]}}]}"
    )
    assert profile(CARD + text).operations["sign"].steps[2].when == {"b": {"x", "y"}}


@pytest.mark.parametrize(("le", "encoded"), [("0", 0), ("1", 1), ("255", 255), ("256", 0), ("0x10", 16)])
def test_short_le(le: str, encoded: int) -> None:
    assert profile(CARD + f"operations: {{sign: [{{ins: 1, le: {le}}}]}}").operations["sign"].steps[0].le == encoded


def test_sections_of_a_card() -> None:
    card = profile(
        "profile: 1\nname: ' X '\nrefines: piv\ndirectory: pkcs15\ndescription: some text\nverified: no\n"
        "match:\n  aid: ['A000000308', 'A00000039742544659']\n  reply: {path: [0x61, 0x4F], value: '00'}\n"
        "  atr: ['3BF.18x.', {value: '3B00', mask: 'FF0F'}]\n"
        "limits: {send: 500, receive: 65536, extended: atr, chaining: false}\n"
        "pins:\n  user: {ref: 0x80, label: PIN, length: [4, 12], encoding: glp, unblock: puk, tries: none}\n"
        "  puk: {ref: 2, length: [6, 8], digits: true, pad: {byte: 0xFF, to: 8}}\n"
        "objects: {chuid: '5FC102'}\n"
        "keys:\n  9a: {ref: 0x9A, label: Auth, certificate: '5FC105', usage: [sign, agree], key_spec: exchange}\n"
        "  free: {ref: 1, policy: never, pin: puk}\n"
        "  range: {first: 0x81, last: 0x83, number_from: 7, file: '00FF', certificate: '10', policy: always}\n"
        "algorithms:\n  pss: {types: [rsa2048], sign: hash, scheme: pss, hashes: [sha256, sha384]}\n"
    )
    assert (card.id, card.name, card.refines, card.directory, card.verified) == ("test", "X", "piv", "pkcs15", "no")
    assert card.match == Match(
        aids=(bytes.fromhex("A000000308"), bytes.fromhex("A00000039742544659")),
        atrs=(
            Masked(value=bytes.fromhex("3BF01800"), mask=bytes.fromhex("FFF0FF00")),
            Masked(value=b"\x3b\x00", mask=b"\xff\x0f"),
        ),
        reply=ReplyMatch(path=(0x61, 0x4F), value=b"\0"),
    )
    assert card.limits == Limits(send=500, receive=65536, extended=Extended.ATR, chaining=False)
    assert card.pins == {
        "user": PinSpec(
            name="user",
            ref=0x80,
            minimum=4,
            maximum=12,
            label="PIN",
            encoding=PinEncoding.FORMAT_2,
            digits=True,
            unblock="puk",
            tries="",
        ),
        "puk": PinSpec(name="puk", ref=2, minimum=6, maximum=8, digits=True, pad_byte=0xFF, pad_to=8),
    }
    assert card.keys["9a"] == KeySlot(
        name="9a", ref=0x9A, label="Auth", certificate=bytes.fromhex("5FC105"),
        usage=frozenset({Usage.SIGN, Usage.AGREE}), key_spec=KeySpec.EXCHANGE,
    )  # fmt: skip
    assert card.keys["free"] == KeySlot(name="free", ref=1, policy=PinPolicy.NEVER, pin="puk")
    assert list(card.keys) == ["9a", "free", "7", "8", "9"]
    assert card.keys["9"] == KeySlot(name="9", ref=0x83, file=b"\1\1", certificate=b"\x12", policy=PinPolicy.ALWAYS)
    assert (card.algorithms["pss"].scheme, card.algorithms["pss"].hashes) == (Scheme.PSS, ("sha256", "sha384"))
    assert card.objects == {"chuid": bytes.fromhex("5FC102")}


def test_the_base_gives_what_is_missing() -> None:
    text = CARD + "base: iso7816\noperations: {challenge: [], decipher: [{ins: 9}], version: [{ins: 0xFD}]}\n"
    card = profile(text)
    assert "challenge" not in card.operations
    assert card.operations["decipher"].steps[0].ins == Literal(data=b"\x09")
    assert card.operations["verify"].steps[0].ins == Literal(data=b"\x20")
    assert list(card.operations)[-1] == "version"
    assert card.limits == Limits()
    assert not card.abstract
    assert card.verified == ""


def test_a_card_without_signatures_need_not_fit_the_inherited_ones() -> None:
    card = profile(HEAD + "base: iso7816\npins: {user: {ref: 1, length: [4, 8]}}\n")
    assert "sign" in card.operations


def test_sections_of_a_base_are_inherited_or_replaced_as_a_whole() -> None:
    child = profile(HEAD + "base: piv\nobjects: {only: '01'}\nlimits: {extended: true}\n")
    assert child.objects == {"only": b"\1"}
    assert child.limits == Limits(extended=Extended.YES)
    assert isinstance(child.admin, Admin)
    assert len(child.keys) == 24
    assert child.directory == "piv"
    assert child.match.aids == (bytes.fromhex("F04C617201"),)
    keys = profile(HEAD + "base: piv\nkeys: {a: {ref: 1, pin: puk}}\n").keys
    assert list(keys) == ["a"]


def test_one_error_of_a_pin_is_no_error_of_its_keys() -> None:
    read = draft(HEAD + "pins: {user: {ref: 1}}\nkeys: {a: {ref: 1}}\n")
    assert [error.reason for error in read.problems.found] == ["a PIN lacks the key length"]


def test_pins_that_are_no_mapping() -> None:
    assert len(draft(HEAD + "pins: [user]\nkeys: {a: {ref: 1, policy: never}}\n").problems.found) == 1


def test_a_default_cipher() -> None:
    steps = "authenticate-challenge: [{ins: 1, reply: {}}], authenticate-response: [{ins: 2, data: $response}]"
    text = "admin: {ref: 1, procedure: challenge-single, ciphers: {3des: 0, aes128: 8}, default: aes128}\n"
    admin = profile(HEAD + text + f"operations: {{{steps}}}\n").admin
    assert admin == Admin(
        ref=1, procedure="challenge-single", ciphers={"3des": 0, "aes128": 8}, default_cipher="aes128"
    )


def test_tries_as_a_number() -> None:
    text = (
        HEAD
        + "pins: {user: {ref: 1, length: [4, 8], tries: tries}}\noperations: {tries: [{ins: 1, reply: {byte: 0}}]}\n"
    )
    assert profile(text).pins["user"].tries == "tries"


def test_a_table_by_the_operation_needs_no_entry_for_each_type() -> None:
    text = HEAD + "algorithms: {a: {types: [rsa2048], sign: padded, byte: {by: $op, sign: 1}}}\n"
    assert isinstance(profile(text).algorithms["a"].byte, Table)


def test_an_administrator_with_a_pin_or_a_key_that_unblocks() -> None:
    pins = "pins: {user: {ref: 1, length: [4, 8], unblock: admin}, so: {ref: 2, length: [8, 8], kdf: iterated-salted}}"
    card = profile(HEAD + pins + "\nadmin: {pin: so}\noperations: {kdf: [{ins: 1, reply: {}}]}\n")
    assert (card.admin.pin if card.admin else "") == "so"
    assert card.pins["user"].unblock == "admin"
    assert card.pins["so"].kdf is PinKdf.ITERATED_SALTED
    own = "pins: {user: {ref: 1, length: [4, 8], unblock: admin}, admin: {ref: 2, length: [8, 8]}}\n"
    assert profile(HEAD + own).admin is None
