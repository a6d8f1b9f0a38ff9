"""Everything that the parts of a profile other than its operations can have wrong: message and place."""

from __future__ import annotations

import pytest

from tests.unit.profile.profile_text import HEAD, check_first_error, errors

PINS = HEAD + "pins: {user: {ref: 1, length: [4, 8]}}\n"
NO_MATCH = "profile: 1\nname: X\n"

TOP = [
    ("»[1]", "expected a profile (a mapping), found a list"),
    ("»just text", "expected a profile (a mapping), found just text"),
    ("»name: X", "a profile lacks the key profile"),
    ("profile: »2\nname: X", "expected version 1"),
    ("profile: »'1'\nname: X", 'found "1"'),
    ("»profile: 1\nabstract: true", "a profile lacks the key name"),
    ("profile: 1\nname:»\nabstract: true", "expected text, found nothing"),
    ("profile: 1\nname: »[X]\nabstract: true", "expected text, found a list"),
    (HEAD + "»pinz: {}", "unknown key pinz in a profile | Did you mean pins?"),
    (HEAD + "»xyzzyx: {}", "unknown key xyzzyx in a profile | Known keys: profile, name"),
    (HEAD + "abstract: »yes", "expected true or false, found yes"),
    (HEAD + "abstract: »'true'", 'expected true or false, found "true"'),
    (HEAD + "base: »iso7861", "there is no profile named iso7861 | Did you mean iso7816?"),
    (HEAD + "base: »zzz", "there is no profile named zzz | See"),
    (HEAD + "base: »[iso7816, piv]", "expected a name, found a list"),
    (HEAD + "refines: »test", "cannot refine itself"),
    (HEAD + "refines: »pov", "there is no profile named pov | Did you mean piv?"),
    (HEAD + "directory: »PKCS15", "expected a name, found PKCS15"),
    (HEAD + "directory: »'pkcs15'", 'expected a name, found "pkcs15"'),
    (HEAD + "quirks: [»odd]", "expected one of dated-changes, found odd"),
    (HEAD + "quirks: »[]", "expected a list, found an empty list"),
    ("»profile: 1\nname: X", "lacks the key match"),
    ("profile: 1\nname: X\nabstract: true\nmatch: »{aid: 'A000000308'}", "an abstract profile matches no card"),
]

MATCH = [
    ("match: »{}", "a match needs an aid, an atr, or both"),
    ("match: {aid: »A000000308}", 'in quotes, as "A000", found A000000308 | Write "A000000308".'),
    ("match: {aid: »xyz}", 'in quotes, as "A000", found xyz'),
    ("match: {aid: ['A000000308', »'a000000308']}", "stands twice"),
    ("match: {aid: »'A0000003'}", "expected 5 to 16 bytes, found 4"),
    ("match: {aid: »'A00000030'}", "expected pairs of hexadecimal digits | It has 9 digits"),
    ("match: {aid: »'A0 00'}", "expected pairs of hexadecimal digits | Only 0-9 and A-F"),
    ("match: {aid: »{a: 1}}", 'in quotes, as "A000", found a mapping'),
    ("match: {aid: »[]}", "found an empty list"),
    ("match: {atr: »3B00}", "expected an ATR in quotes"),
    ("match: {atr: »'3B'}", "2 to 33 of them"),
    ("match: {atr: »'3B0'}", "expected an ATR"),
    ("match: {atr: ['3B00', »'3B0*']}", "expected an ATR"),
    ("match: {atr: »{value: '3B00'}}", "a masked ATR lacks the key mask"),
    ("match: {atr: {value: '3B00', mask: »'FFFFFF'}}", "expected a mask of 2 bytes"),
    ("match: {atr: '3B00', reply: »{value: '61'}}", "an aid is needed"),
    ("match: {aid: 'A000000308', reply: »{path: [0x61]}}", "a reply to match lacks the key value"),
    ("match: {aid: 'A000000308', reply: {path: [»0x1F], value: '61'}}", "expected a BER-TLV tag, found 0x1F"),
]

LIMITS = [
    ("limits: {send: »256}", "expected an integer from 1 to 255 (0xFF), found 256"),
    ("limits: {receive: »0}", "expected an integer from 1 to 256"),
    ("limits: {send: »70000, extended: true}", "from 1 to 65535"),
    ("limits: {extended: »maybe}", "expected one of true, false, atr, found maybe"),
    ("limits: {extended: »'true'}", 'found "true"'),
    ("limits: {chaining: »on}", "expected true or false, found on"),
    ("limits: {»sent: 3}", "unknown key sent in limits | Did you mean send?"),
    ("objects: {chuid: »5FC102}", "in quotes"),
    ("objects: {»Chuid: '5FC102'}", "expected a name, found Chuid"),
    ("objects: {»a--b: '5FC102'}", "expected a name, found a--b"),
    ("objects: {chuid: »''}", "expected 1 to 32 bytes, found 0"),
]

PIN = [
    ("pins: »[user]", "expected a mapping of PINs, found a list"),
    ("pins: »{}", "expected a mapping of PINs, found an empty mapping"),
    ("pins: {user: »{length: [4, 8]}}", "a PIN lacks the key ref"),
    ("pins: {user: »{ref: 1}}", "a PIN lacks the key length"),
    ("pins: {user: {ref: »010, length: [4, 8]}}", "found 010 | Write 18 or 0x12; no leading zeros, no quotes."),
    ("pins: {user: {ref: »0b1, length: [4, 8]}}", "found 0b1"),
    ("pins: {user: {ref: »1_0, length: [4, 8]}}", "found 1_0"),
    ("pins: {user: {ref: »-1, length: [4, 8]}}", "found -1"),
    ("pins: {user: {ref: »'0x80', length: [4, 8]}}", 'found "0x80"'),
    ("pins: {user: {ref: »0x180, length: [4, 8]}}", "from 0 to 255"),
    ("pins: {user: {ref: »" + "9" * 10000 + ", length: [4, 8]}}", "from 0 to 255"),
    ("pins: {user: {ref: »0x" + "F" * 10000 + ", length: [4, 8]}}", "from 0 to 255"),
    ("pins: {user: {ref: »$pin.ref, length: [4, 8]}}", "found $pin.ref"),
    ("pins: {user: {ref: 1, length: »8}}", "expected a list, found 8"),
    ("pins: {user: {ref: 1, length: »[8]}}", "expected two lengths"),
    ("pins: {user: {ref: 1, length: »[8, 4]}}", "is greater than"),
    ("pins: {user: {ref: 1, length: [4, »256]}}", "from 1 to 255"),
    ("pins: {user: {ref: 1, length: [4, »15], encoding: glp}}", "at most 14 digits"),
    ("pins: {user: {ref: 1, length: »[4, 7], encoding: hex}}", "an even length"),
    ("pins: {user: {ref: 1, length: [4, 8], encoding: »utf8}}", "expected one of ascii, bcd, glp, hex, found utf8"),
    ("pins: {user: {ref: 1, length: [4, 8], encoding: »asci}}", "Did you mean ascii?"),
    ("pins: {user: {ref: 1, length: [4, 8], encoding: »[bcd]}}", "found a list"),
    ("pins: {user: {ref: 1, length: [4, 8], encoding: bcd, digits: »false}}", "can hold digits only"),
    ("pins: {user: {ref: 1, length: [4, 8], encoding: glp, pad: »{byte: 0, to: 8}}}", "8 bytes long by itself"),
    ("pins: {user: {ref: 1, length: [4, 9], pad: {byte: 0, to: »8}}}", "the longest PIN has 9 bytes"),
    ("pins: {user: {ref: 1, length: [4, 9], encoding: bcd, pad: {byte: 0, to: »4}}}", "the longest PIN has 5 bytes"),
    ("pins: {user: {ref: 1, length: [4, 8], pad: »{byte: 0}}}", "the padding lacks the key to"),
    ("pins: {user: {ref: 1, length: [4, 8], pad: {»bite: 0, to: 8}}}", "Did you mean byte?"),
    ("pins: {user: {ref: 1, length: [4, 8], unblock: »user}}", "cannot unblock itself"),
    ("pins: {user: {ref: 1, length: [4, 8], unblock: »puk}}", "there is no PIN named puk | PINs: user."),
    ("pins: {user: {ref: 1, length: [4, 8], unblock: »pukk}, puk: {ref: 2, length: [4, 8]}}", "Did you mean puk?"),
    ("pins: {user: {ref: 1, length: [4, 8]}, puk: »{ref: 1, length: [4, 8]}}", "user and puk have the same ref 0x01"),
    ("pins: {user: {ref: 1, length: [4, 8], tries: »often}}", "expected one of retries, tries, none"),
    ("pins: »{user: {ref: 1, length: [4, 8], tries: tries}}", "read by the operation tries, which is missing"),
]

ADMIN = [
    ("pins: »{user: {ref: 1, length: [4, 8], unblock: admin}}", "unblocked by the admin, but the profile has no"),
    ("pins: »{user: {ref: 1, length: [4, 8], kdf: iterated-salted}}", "read by the operation kdf, which is missing"),
    ("pins: {user: {ref: 1, length: [4, 8], kdf: »scrypt}}", "expected one of iterated-salted"),
    ("admin: »{pin: so}", "there is no PIN named so"),
    ("admin: {pin: so, ref: »1}", "`ref` is for admin keys"),
    ("admin: »{procedure: witness-mutual, ciphers: {3des: 3}}", "the admin key lacks the key ref"),
    ("admin: {ref: 1, procedure: »guess, ciphers: {3des: 3}}", "expected one of witness-mutual, challenge-single"),
    ("admin: {ref: 1, procedure: witness-mutual, ciphers: {»des: 3}}", "Did you mean 3des?"),
    ("admin: {ref: 1, procedure: witness-mutual, ciphers: »{3des: 3, aes128: 3}}", "the same identifier"),
    ("admin: {ref: 1, procedure: witness-mutual, ciphers: {3des: 3}, default: »aes128}", "expected one of 3des"),
    ("admin: »{ref: 1, procedure: challenge-single, ciphers: {3des: 3}}", "needs the operation authenticate-challenge"),
]

KEYS = [
    ("keys: »[a]", "expected a mapping of key slots"),
    ("keys: {a: »{}}", "a key slot lacks the key ref"),
    ("keys: {»A: {ref: 1}}", "expected a name, found A"),
    ("keys: {a: {ref: 1, pin: »puk}}", "there is no PIN named puk"),
    ("keys: {a: {ref: 1, policy: »sometimes}}", "expected one of once, always, never"),
    ("keys: {a: {ref: 1, pin: »'user'}}", "expected a name"),
    ("keys: {a: {ref: 1, usage: [»encrypt]}}", "expected one of sign, decipher, agree"),
    ("keys: {a: {ref: 1, key_spec: »both}}", "expected one of exchange, signature"),
    ("keys: {a: {ref: 1, certificate: »''}}", "expected 1 to 32 bytes"),
    ("keys: {a: {ref: 1}, »b: {ref: 0x01}}", "the key slots a and b have the same ref 0x01"),
    ("keys: {range: »{first: 1}}", "a range of key slots lacks the key last"),
    ("keys: {range: {first: 2, last: »1}}", "from 2 to 255"),
    ("keys: {range: {first: 1, last: 2, file: »'FF'}}", "cannot count up to 1 further"),
    ("keys: {range: {first: 1, last: 2, »ref: 1}}", "unknown key ref"),
    ("keys: {range: {first: 1, last: 2}, »2: {ref: 9}}", "the key slot 2 stands twice"),
]

ALGORITHMS = [
    ("»{sign: padded}", "an algorithm lacks the key types"),
    ("{types: [»rsa2047], sign: padded}", "expected one of rsa512, rsa768, rsa1024"),
    ("{types: »[rsa2048, ecp256], sign: hash}", "for RSA keys or for EC keys"),
    ("»{types: [rsa2048]}", "the algorithm does nothing"),
    ("{types: [rsa2048], sign: »pad}", "expected one of padded"),
    ("{types: [rsa2048], sign: »hash-left-padded}", "hash-left-padded does not go with rsa keys"),
    ("{types: [ecp256], signature: der, sign: »padded}", "padded does not go with ec keys | hash, hash-left-padded"),
    ("{types: [ecp256], signature: der, sign: »digest-info}", "does not go with ec keys"),
    ("»{types: [ecp256], sign: hash}", "says how: `signature: der`"),
    ("{types: [rsa2048], sign: hash, signature: »der}", "is always as-is"),
    ("{types: [rsa2048], decipher: plain, signature: »as-is}", "is for algorithms that sign"),
    ("{types: [rsa2048], decipher: plain, hashes: »[sha1]}", "`hashes` is for algorithms that sign"),
    ("{types: [rsa2048], sign: padded, hashes: »[sha1]}", "the host pads, so `hashes` has no effect"),
    ("{types: [rsa2048], sign: padded, scheme: »pss}", "the host pads, so `scheme` has no effect"),
    ("{types: [rsa2048], sign: hash, scheme: »ecdsa}", "ecdsa does not go with rsa keys"),
    ("{types: [ecp256], sign: hash, signature: der, scheme: »pss}", "pss does not go with ec keys"),
    ("{types: [rsa2048], sign: hash, scheme: »oaep}", "oaep is for deciphering only"),
    ("{types: [rsa2048], decipher: plain, scheme: »pss}", "pss is for signing only"),
    ("{types: [ecp256], decipher: »plain}", "EC keys do not decipher"),
    ("{types: [rsa2048], agree: »true}", "RSA keys do not agree"),
    ("{types: [rsa2048], sign: hash, hashes: [»sha3]}", "expected one of md5, sha1"),
    ("{types: [rsa2048], sign: padded, byte: »'06'}", 'expected an integer from 0 to 255, found "06"'),
    ("{types: [rsa2048], sign: padded, byte: »$key.ref}", "$key.ref is not known in the algorithm a"),
    ("{types: [rsa2048], sign: padded, byte: »$key.size}", "$key.size cannot stand in one byte of the header"),
    ("{types: [rsa2048], sign: padded, byte: »{rsa2048: 6}}", "expected a table with `by: $name`"),
    ("{types: [rsa2048], sign: padded, byte: {by: »key.type, rsa2048: 6}}", "expected a table with `by: $name`"),
    ("{types: [rsa2048], sign: padded, byte: {by: $key.type, »rsa: 6}}", "$key.type is never rsa"),
    ("{types: [rsa2048, rsa1024], sign: padded, byte: »{by: $key.type, rsa2048: 6}}", "no entry for rsa1024"),
    ("{types: [rsa2048], sign: padded, oid: »{by: $key.size, 1024: '06'}}", "no entry for rsa2048"),
    ("{types: [rsa2048], sign: padded, byte: »{by: $key.type}}", "the table has no entries"),
    ("{types: [rsa2048], sign: padded, byte: {by: $key.size, 2048: 6, »0x800: 7}}", "stands twice"),
    ("{types: [rsa2048], sign: padded, oid: »''}", "the oid is empty"),
]

ROWS = [
    *TOP,
    *((NO_MATCH + text, message) for text, message in MATCH),
    *((HEAD + text, message) for text, message in (*LIMITS, *PIN, *ADMIN)),
    *((PINS + text, message) for text, message in KEYS),
    *((PINS + f"algorithms: {{a: {text}}}", message) for text, message in ALGORITHMS),
]


@pytest.mark.parametrize(("text", "message"), ROWS, ids=lambda value: value.splitlines()[-1][:60])
def test_message_and_place(text: str, message: str) -> None:
    check_first_error(text, message)


def test_all_errors_are_found_at_once() -> None:
    text = (
        HEAD
        + "pins: {user: {ref: 1}, puk: {ref: no}}\nkeys: {a: {ref: 1}, b: {}}\nlimits: {send: 0}\nbase: none-such\n"
    )
    assert [error.line for error in errors(text)] == [4, 4, 5, 6, 7]
