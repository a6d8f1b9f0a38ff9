"""The table of calls: complete, and the same as the methods that it describes."""

from __future__ import annotations

import inspect

import pytest

from csp_frontend.calls import BY_NAME, BY_NUMBER, C_FORMS, CALLS, SET_LENGTHS, Call, Kind
from csp_frontend.constants import Code
from csp_frontend.provider import ClientSession
from tests.frontend.bench import Bench
from tests.frontend.refusals import refused

# What the loader looks for, as in part 2 of the contract.
MANDATORY = [
    "CPAcquireContext",
    "CPReleaseContext",
    "CPGenKey",
    "CPDeriveKey",
    "CPDestroyKey",
    "CPSetKeyParam",
    "CPGetKeyParam",
    "CPExportKey",
    "CPImportKey",
    "CPEncrypt",
    "CPDecrypt",
    "CPCreateHash",
    "CPHashData",
    "CPHashSessionKey",
    "CPGetHashParam",
    "CPDestroyHash",
    "CPSignHash",
    "CPGenRandom",
    "CPGetUserKey",
    "CPSetProvParam",
    "CPGetProvParam",
    "CPSetHashParam",
    "CPVerifySignature",
]


def test_every_function_is_there_once() -> None:
    assert {call.name for call in CALLS if call.mandatory} == set(MANDATORY)
    assert {call.name for call in CALLS if not call.mandatory} == {"CPDuplicateHash", "CPDuplicateKey"}
    assert len(BY_NAME) == len(BY_NUMBER) == len(CALLS) == 25
    assert sorted(BY_NUMBER) == list(range(1, 26))


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_the_method_takes_what_the_table_says(call: Call) -> None:
    names = list(inspect.signature(getattr(ClientSession, call.name)).parameters)[1:]
    assert names == [parameter.name for parameter in call.inputs]


def test_no_method_is_missing_in_the_table() -> None:
    assert {name for name in vars(ClientSession) if name.startswith("CP")} == set(BY_NAME)


def test_every_kind_has_a_form_in_c() -> None:
    assert set(C_FORMS) == set(Kind)


def test_data_without_a_length_has_a_rule() -> None:
    with_data = {call.name for call in CALLS if any(one.kind is Kind.SET_DATA for one in call.parameters)}
    assert with_data == set(SET_LENGTHS)


def test_prototypes() -> None:
    assert BY_NAME["CPGenKey"].prototype == (
        "BOOL WINAPI CPGenKey(HCRYPTPROV context, ALG_ID algorithm, DWORD flags, HCRYPTKEY *new_key)"
    )
    assert BY_NAME["CPEncrypt"].prototype == (
        "BOOL WINAPI CPEncrypt(HCRYPTPROV context, HCRYPTKEY key, HCRYPTHASH hash, BOOL final, DWORD flags, "
        "BYTE *data, DWORD *length, DWORD room)"
    )
    assert BY_NAME["CPGetProvParam"].prototype == (
        "BOOL WINAPI CPGetProvParam(HCRYPTPROV context, DWORD parameter, BYTE *room, DWORD *room_size, DWORD flags)"
    )


def test_a_call_by_name() -> None:
    client = Bench().client()
    context = client.call("CPAcquireContext", (None, 0xF0000000, 0))
    assert isinstance(context, int)
    assert client.call("CPReleaseContext", (context, 0)) is None
    with refused(Code.ERROR_INVALID_PARAMETER):
        client.call("CPFormatDisk", ())
