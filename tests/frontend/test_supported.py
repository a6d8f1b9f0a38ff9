"""The table of what is supported in docs/csp.md: complete, and each row with a test that is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

import pytest

from csp_frontend.algorithms import ALGORITHMS
from csp_frontend.calls import CALLS
from csp_frontend.constants import Acquire, Blob, Hp, Kp, Pp, SetPp
from tests.frontend.test_parameters import UNKNOWN_TO_READ, UNKNOWN_TO_SET
from tests.unit.house import ROOT

FORMS = ("NULL", r"\\.\READER\ ".strip(), "SHA-1", "GUID", r"\\.\READER\ID", r"\\.\READER\0xID")
KEY_FLAGS = ("CRYPT_EXPORTABLE", "CRYPT_USER_PROTECTED", "CRYPT_CREATE_SALT", "CRYPT_NO_SALT", "CRYPT_UPDATE_KEY")
SIGN_FLAGS = ("CRYPT_NOHASHOID", "CRYPT_TYPE2_FORMAT", "CRYPT_X931_FORMAT")
CIPHERS = tuple(algorithm.id.name for algorithm in ALGORITHMS.values() if algorithm.is_cipher)
IMPORT_FLAGS = ("CRYPT_EXPORTABLE", "CRYPT_USER_PROTECTED", "CRYPT_NO_SALT", "CRYPT_OAEP", "CRYPT_IPSEC_HMAC_KEY")
WITH = {
    "CPAcquireContext": (*FORMS, *Acquire.__members__),
    "CPGetProvParam": (*(one.name for one in Pp), "CRYPT_FIRST", "CRYPT_NEXT"),
    "CPSetProvParam": tuple(one.name for one in SetPp),
    "CPGenKey": ("AT_KEYEXCHANGE", "AT_SIGNATURE", *CIPHERS, *KEY_FLAGS, "CRYPT_ARCHIVABLE", "size"),
    "CPDeriveKey": (*CIPHERS, *KEY_FLAGS),
    "CPGetKeyParam": tuple(one.name for one in Kp),
    "CPSetKeyParam": tuple(one.name for one in Kp),
    "CPExportKey": (*(one.name for one in Blob), "CRYPT_OAEP"),
    "CPImportKey": (*(one.name for one in Blob), *IMPORT_FLAGS),
    "CPEncrypt": ("CRYPT_OAEP", "Final", "hash"),
    "CPDecrypt": ("CRYPT_OAEP", "CRYPT_DECRYPT_RSA_NO_PADDING_CHECK", "Final", "hash"),
    "CPCreateHash": tuple(algorithm.id.name for algorithm in ALGORITHMS.values() if algorithm.is_hash),
    "CPHashData": ("CRYPT_USERDATA",),
    "CPHashSessionKey": ("CRYPT_LITTLE_ENDIAN",),
    "CPGetHashParam": tuple(one.name for one in Hp),
    "CPSetHashParam": tuple(one.name for one in Hp),
    "CPSignHash": (*SIGN_FLAGS, "sDescription"),
    "CPVerifySignature": (*SIGN_FLAGS, "sDescription"),
}
Row = tuple[str, str, str, str]


@cache
def rows() -> tuple[Row, ...]:
    """Function, what with, whether, and the tests' names."""
    return tuple(_rows((ROOT / "docs" / "csp.md").read_text(encoding="utf-8")))


def _rows(text: str) -> Iterator[Row]:
    for line in text.splitlines():
        if line.startswith("| `CP"):
            function, what, whether, tests = (cell.strip() for cell in line.strip("|").split("|"))
            yield function.strip("`"), what.strip("`"), whether, tests


def test_the_table_is_complete() -> None:
    wanted = {(call.name, "") for call in CALLS}
    wanted |= {(function, str(what)) for function, parts in WITH.items() for what in parts}
    found = [(function, what) for function, what, _, _ in rows()]
    assert len(found) == len(set(found))
    assert set(found) == wanted


@pytest.mark.parametrize("name", sorted({*UNKNOWN_TO_READ, *UNKNOWN_TO_SET}))
def test_what_microsoft_documents_and_this_provider_refuses_is_told(name: str) -> None:
    text = (ROOT / "docs" / "csp.md").read_text(encoding="utf-8")
    refused = text.partition("Refused, though Microsoft's documentation has it")[2]
    assert f"`{name}`" in refused


def test_each_row_says_whether() -> None:
    assert {whether.split(":")[0] for _, _, whether, _ in rows()} == {"yes", "no"}


@pytest.mark.parametrize("reference", sorted({one for row in rows() for one in row[3].split(", ")}))
def test_the_tests_are_there(reference: str) -> None:
    found = re.fullmatch(r"`(test_\w+)::(test_\w+)`", reference)
    assert found, reference
    text = (ROOT / "tests" / "frontend" / f"{found[1]}.py").read_text(encoding="utf-8")
    assert re.search(rf"^def {found[2]}\(", text, re.MULTILINE), reference
