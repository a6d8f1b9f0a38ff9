"""Status words of ISO 7816-4:2020, 5.6: their meaning, and the tries that some of them carry."""

from __future__ import annotations

from enum import IntEnum


class Sw(IntEnum):
    """Status words that the code decides on, by name."""

    OK = 0x9000
    SELECTED_FILE_INVALIDATED = 0x6283
    VERIFY_FAILED = 0x6300
    MEMORY_FAILURE = 0x6581
    WRONG_LENGTH = 0x6700
    LAST_COMMAND_OF_CHAIN_EXPECTED = 0x6883
    CHAINING_NOT_SUPPORTED = 0x6884
    SECURITY_STATUS = 0x6982
    BLOCKED = 0x6983
    REFERENCE_DATA_NOT_USABLE = 0x6984
    CONDITIONS_NOT_SATISFIED = 0x6985
    NO_CURRENT_EF = 0x6986
    INCORRECT_DATA = 0x6A80
    FUNCTION_NOT_SUPPORTED = 0x6A81
    FILE_NOT_FOUND = 0x6A82
    RECORD_NOT_FOUND = 0x6A83
    NO_SPACE = 0x6A84
    INCORRECT_P1_P2 = 0x6A86
    DATA_NOT_FOUND = 0x6A88
    FILE_EXISTS = 0x6A89
    NAME_EXISTS = 0x6A8A
    WRONG_P1_P2 = 0x6B00
    INS_NOT_SUPPORTED = 0x6D00
    CLA_NOT_SUPPORTED = 0x6E00
    NO_DIAGNOSIS = 0x6F00


NOT_FOUND = frozenset({Sw.FILE_NOT_FOUND, Sw.RECORD_NOT_FOUND, Sw.DATA_NOT_FOUND})

_MEANINGS: dict[int, str] = {
    0x9000: "success",
    0x6200: "warning, state unchanged",
    0x6281: "part of the returned data may be corrupted",
    0x6282: "end of file reached before Le bytes were read",
    0x6283: "the selected file is deactivated",
    0x6285: "the selected file is in termination state",
    0x6300: "verification failed",
    0x6381: "file filled up by the last write",
    0x6400: "execution error, state unchanged",
    0x6401: "immediate response required by the card",
    0x6500: "execution error, state changed",
    0x6581: "memory failure",
    0x6600: "security-related error",
    0x6700: "wrong length",
    0x6800: "function in CLA not supported",
    0x6881: "logical channel not supported",
    0x6882: "secure messaging not supported",
    0x6883: "last command of the chain expected",
    0x6884: "command chaining not supported",
    0x6900: "command not allowed",
    0x6981: "command incompatible with the file structure",
    0x6982: "security status not satisfied: an authentication is missing",
    0x6983: "authentication method blocked",
    0x6984: "reference data not usable",
    0x6985: "conditions of use not satisfied",
    0x6986: "command not allowed: no current file",
    0x6987: "secure messaging data object missing",
    0x6988: "secure messaging data object incorrect",
    0x6A00: "wrong parameters P1-P2",
    0x6A80: "incorrect parameters in the data field",
    0x6A81: "function not supported",
    0x6A82: "file or application not found",
    0x6A83: "record not found",
    0x6A84: "not enough memory in the file",
    0x6A85: "Lc inconsistent with the TLV structure",
    0x6A86: "incorrect parameters P1-P2",
    0x6A87: "Lc inconsistent with P1-P2",
    0x6A88: "referenced data or key not found",
    0x6A89: "file already exists",
    0x6A8A: "application name already exists",
    0x6B00: "wrong parameters P1-P2",
    0x6D00: "instruction not supported",
    0x6E00: "class not supported",
    0x6F00: "no precise diagnosis",
}

_FAMILIES: dict[int, str] = {
    0x62: "warning, state unchanged",
    0x63: "warning, state changed",
    0x64: "execution error, state unchanged",
    0x65: "execution error, state changed",
    0x66: "security-related error",
    0x68: "function in CLA not supported",
    0x69: "command not allowed",
    0x6A: "wrong parameters",
    0x6F: "no precise diagnosis",
}


def meaning(sw: int) -> str:
    """Say in English what the status word `sw` means."""
    if sw >> 8 == 0x61:
        return f"success, {sw & 0xFF or 256} more bytes available"
    if sw >> 8 == 0x6C:
        return f"wrong Le, {sw & 0xFF or 256} bytes available"
    if (sw & 0xFFF0) == 0x63C0:
        left = sw & 0x0F
        return f"wrong, {left} {'try' if left == 1 else 'tries'} left"
    return _MEANINGS.get(sw) or _FAMILIES.get(sw >> 8, "unknown status word")


def describe(sw: int) -> str:
    """The status word in hex with its meaning, as in `6A82 file or application not found`."""
    return f"{sw:04X} {meaning(sw)}"


def tries_left(sw: int) -> int | None:
    """Tries that a VERIFY-like status word carries (63Cx; 6983 is 0), None where it says nothing.

    `630x` is the older form of the same counter that some cards still use (x from 1 to 15).
    """
    if (sw & 0xFFF0) == 0x63C0 or 0x6301 <= sw <= 0x630F:
        return sw & 0x0F
    return 0 if sw == Sw.BLOCKED else None
