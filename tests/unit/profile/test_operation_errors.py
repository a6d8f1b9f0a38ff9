"""Everything that the operations of a profile can have wrong: message and place."""

from __future__ import annotations

import pytest

from tests.unit.profile.profile_text import CARD, HEAD, check_first_error, errors

STEPS = [
    ("operations: »[]", "expected a mapping of operations, found a list"),
    ("operations: {»verifi: []}", "unknown operation verifi | Did you mean verify?"),
    ("operations: {»zzz: []}", "unknown operation zzz | Known operations: select, verify"),
    ("operations: {»sign: []}", "the operation sign has no steps | none in a base to remove"),
    ("operations: {sign: »{ins: 1}}", "expected a list of steps, found a mapping"),
    ("operations: {sign: »[" + "{ins: 1}, " * 65 + "]}", "expected at most 64 steps, found 65"),
    ("operations: {sign: [»1]}", "expected a step (a mapping), found 1"),
    ("operations: {sign: [»{p1: 1}]}", "a step lacks the key ins"),
    ("operations: {sign: [{ins: 1, »dat: ''}]}", "unknown key dat in a step | Did you mean data?"),
    ("operations: {sign: [{ins: »300}]}", "expected an integer from 0 to 255"),
    ("operations: {sign: [{ins: »''}]}", "expected an integer from 0 to 255, found empty text"),
    ("operations: {sign: [{ins: »[1]}]}", "found a list"),
    ("operations: {sign: [{ins: 1, cla: »$input}]}", "$input cannot stand in one byte of the header"),
    ("operations: {verify: [{ins: 1, p1: »$pin.block}]}", "$pin.block cannot stand in one byte of the header"),
    ("operations: {sign: [{ins: 1, p2: »$key.type}]}", "$key.type cannot stand in one byte of the header"),
    ("operations: {sign: [{ins: 1, p2: »{0x80: 1}}]}", "expected a table with `by: $name`"),
    ("operations: {sign: [{ins: 1, extended: »1}]}", "expected true or false"),
    ("operations: {sign: [{ins: 1, le: »max}]}", "expected an integer from 0 to 65536, found max"),
    ("operations: {sign: [{ins: 1, le: »257}]}", "a short Le is at most 256, found 257 | extended: true"),
    ("operations: {sign: [{ins: 1, extended: true, le: »65537}]}", "from 0 to 65536"),
    ("operations: {sign: [{ins: 1, expect: »ok}]}", "expected a status word, as 0x9000, or retries, found ok"),
    ("operations: {sign: [{ins: 1, expect: [0x9000, »0x7000]}]}", "expected a status word"),
    ("operations: {sign: [{ins: 1, expect: »0x19000}]}", "expected a status word"),
    ("operations: {sign: [{ins: 1, expect: »0x6103}]}", "never arrives here"),
    ("operations: {sign: [{ins: 1, expect: »[]}]}", "expected a list, found an empty list"),
    ("operations: {sign: [{ins: 1, needs: »so}]}", "expected one of pin, puk, admin"),
]

DATA = [
    ("»300", "expected an integer from 0 to 255"),
    ("»A0B1", 'found A0B1 | Bytes are written in quotes, as "A0B1".'),
    ("»hello", "expected an integer from 0 to 255, hexadecimal digits in quotes"),
    ("»true", "found true"),
    ("»'ABC'", "It has 3 digits"),
    ("»'$input'", "expected pairs of hexadecimal digits"),
    ("»$inptu", "$inptu is not declared in the operation sign | Did you mean input?"),
    ("»$zzz", "$zzz is not declared in the operation sign | Known here: alg.byte"),
    ("»$pin.block", "$pin.block is not known in the operation sign"),
    ("»$", "$ is not declared"),
    ("»$key.type", "$key.type cannot stand in data"),
    ("»[]", "found an empty list"),
    ("['00', »0x100]", "from 0 to 255"),
    ("»{}", "expected a mapping of tags, found an empty mapping"),
    ("{»tag: 1}", "expected a tag, as 0x5C, or `by`, found tag"),
    ("{»0x1F: 1}", "expected a BER-TLV tag, found 0x1F | not a BER-TLV tag"),
    ("{»0x5C00: 1}", "expected a BER-TLV tag"),
    ("{»0xFFFFFFFFFF: 1}", "expected a tag"),
    ("{0x80: 1, »128: 2}", "the tag 80 stands twice | list of mappings"),
    ("{0x80: {0x81: »hello}}", "expected an integer from 0 to 255, hex"),
    ("{by: »$input, 1: 2}", "$input cannot stand as a fact to compare"),
    ("{by: »[1], 1: 2}", "expected a table with `by: $name`"),
    ("{by: $key.kind, »dsa: '00'}", "$key.kind is never dsa | Did you mean rsa?"),
    ("{by: $key.kind, »x: '00'}", "$key.kind is never x | It is one of rsa, ec."),
    ("{by: $key.type, »rsa2084: '00'}", "$key.type is never rsa2084 | Did you mean rsa2048?"),
    ("{by: $key.ref, »one: '00'}", "expected an integer from 0 to 255, found one"),
    ("{by: $key.name, »One: '00'}", "expected a name, found One"),
    ("{by: $key.kind, rsa: [1, {0x80: »x}]}", "found x"),
]

REPLIES = [
    ("»[]", "expected a reply (a mapping), found a list"),
    ("{»pth: [1]}", "unknown key pth in a reply | Did you mean path?"),
    ("{path: »0x7C}", "expected a list, found 0x7C"),
    ("{path: »[" + "1, " * 17 + "]}", "expected at most 16 tags"),
    ("{find: »''}", "found empty text"),
    ("{byte: »256}", "from 0 to 255"),
    ("{values: »{}}", "expected a mapping of numbers to names"),
    ("{values: {»a: b}}", "expected an integer"),
    ("{values: {1: »B}}", "expected a name"),
    ("{values: {1: a, »0x1: b}}", "the value 0x1 stands twice"),
    ("{rsa: »{n: 0x81}}", "an RSA public key lacks the key e"),
    ("{rsa: {n: »all, e: 0x82}}", "found all"),
    ("{rsa: {n: whole, e: »0x82}}", "so the exponent is fixed"),
    ("{rsa: {n: 0x81, e: »''}}", "expected 1 to 8 bytes"),
    ("{ec: »{}}", "an EC public key lacks the key point"),
    ("»{byte: 0, ec: {point: 0x86}}", "cannot be a number and a public key"),
    ("»{byte: 0, fields: {a: {}}}", "cannot be a number and fields"),
    ("{fields: {a: {}}, order: »little}", "`order` stands beside `fields`"),
    ("{fields: {»A: {}}}", "expected a name"),
    ("{fields: {a: {fields: {b: »1}}}}", "expected a reply (a mapping)"),
    ("{order: »middle}", "expected one of little, big"),
]

WHEN_AND_SAVE = [
    ("{sign: [{ins: 1, when: »[]}]}", "expected a mapping of facts"),
    ("{sign: [{ins: 1, when: {»$key.kind: rsa}}]}", "expected a fact's name, found $key.kind | Write key.kind"),
    ("{sign: [{ins: 1, when: {»key.kin: rsa}}]}", "$key.kin is not declared | Did you mean key.kind?"),
    ("{sign: [{ins: 1, when: {»input: 1}}]}", "cannot stand as a fact"),
    ("{sign: [{ins: 1, when: {key.kind: [rsa, »dsa]}}]}", "$key.kind is never dsa"),
    ("{sign: [{ins: 1, when: {key.size: »big}}]}", "from 0 to 65535"),
    ("{sign: [{ins: 1, reply: {}, save: »Nonce}]}", "expected a name"),
    ("{sign: [{ins: 1, reply: {}, save: »input}]}", "the name input is taken already"),
    ("{sign: [{ins: 1, reply: {}, save: a}, {ins: 1, reply: {}, save: »a}, {ins: 2, data: $a}]}", "taken already"),
    ("{sign: [{ins: 1, save: »a}]}", "only bytes, a number or a word"),
    ("{sign: [{ins: 1, expect: retries, reply: {}, save: »a}]}", "only bytes, a number or a word"),
    ("{sign: [{ins: 1, reply: {ec: {point: 0x86}}, save: »a}]}", "only bytes, a number or a word"),
    ("{sign: [{ins: 1, data: »$a}, {ins: 1, reply: {}, save: a}]}", "$a is not declared"),
    ("{sign: [{ins: 1, reply: {}, save: a}], decipher: [{ins: 1, data: »$a}]}", "$a is not declared"),
    ("{sign: [{ins: 1, reply: {}, save: a}, {ins: 1, p1: »$a}]}", "cannot stand in one byte"),
]

BY_OPERATION = HEAD + "algorithms: {rsa: {types: [rsa2048], byte: {by: $op, sign: 1}, sign: padded}}\n"

CROSS = [
    (BY_OPERATION + "operations: {generate: [{ins: 1, p1: »$alg.byte}]}", "that of rsa has no entry for generate"),
    (CARD + "operations: {generate: [{ins: 1, needs: »admin}]}", "generate needs admin, but the profile has no"),
    (CARD + "operations: {admin-info: [{ins: 1, p2: »$admin.ref}]}", "admin-info uses $admin.ref, but"),
    (CARD + "operations: {unblock: [{ins: 1, needs: »puk}]}", "needs a PUK, but no PIN has `unblock`"),
    (CARD + "operations: {sign: [{ins: 1, data: »$alg.oid}]}", "no algorithm for it has `oid`"),
    (HEAD + "operations: {generate: [{ins: 1, data: »$alg.byte}]}", "no algorithm for it has `byte`"),
    (HEAD + "operations: {generate: [{ins: 1, needs: »pin}]}", "needs a PIN, but the profile has no section pins"),
    (
        HEAD + "base: »iso7816\npins: {user: {ref: 1, length: [4, 8]}}\n"
        "algorithms: {rsa: {types: [rsa2048], sign: padded}}",
        "sign uses $alg.byte",
    ),
    (HEAD + "base: »iso7816\nalgorithms: {rsa: {types: [rsa2048], byte: 1, sign: padded}}", "sign needs a PIN"),
    (HEAD + "base: iso7816\noperations: {»version: []}", "the operation version has no steps"),
]

SECRETS = [
    ("{verify: [{ins: 1, data: {by: $pin.ref, 1: »$pin.block}}]}", "$pin.block cannot stand in a table"),
    ("{verify: [{ins: 1, data: {by: $pin.ref, 1: ['00', {0x80: »$pin.block}]}}]}", "cannot stand in a table"),
    ("{verify: [{ins: 1, when: {»pin.block: 1}}]}", "cannot stand as a fact"),
]

ROWS = [
    *((CARD + text, message) for text, message in STEPS),
    *((CARD + f"operations: {{sign: [{{ins: 1, data: {text}}}]}}", message) for text, message in DATA),
    *((CARD + f"operations: {{sign: [{{ins: 1, reply: {text}}}]}}", message) for text, message in REPLIES),
    *((CARD + "operations: " + text, message) for text, message in (*WHEN_AND_SAVE, *SECRETS)),
    *CROSS,
]


@pytest.mark.parametrize(("text", "message"), ROWS, ids=lambda value: value.splitlines()[-1][:70])
def test_message_and_place(text: str, message: str) -> None:
    check_first_error(text, message)


def test_nothing_where_data_should_be() -> None:
    (error,) = errors(CARD + "operations: {sign: [{ins: 1, data: }]}")
    assert "found nothing" in error.reason


def test_a_broken_operation_gives_one_error_and_no_others() -> None:
    assert len(errors(CARD + "operations: {sign: 1}")) == 1


def test_too_much_data() -> None:
    text = CARD + f'operations: {{sign: [{{ins: 1, data: ["{"00" * 65000}", {{0x80: "{"00" * 600}"}}, $input]}}]}}'
    (error,) = errors(text)
    assert "65604 bytes of data, a command has at most 65535" in error.reason
