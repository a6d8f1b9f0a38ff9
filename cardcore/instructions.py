"""Names of instruction bytes: ISO 7816-4:2020 (table 4), 7816-8 and 7816-9, and extensions in wide use."""

from __future__ import annotations

from collections.abc import Mapping

_NAMES: Mapping[int, str] = {
    0x04: "DEACTIVATE FILE",
    0x0C: "ERASE RECORD",
    0x0E: "ERASE BINARY",
    0x0F: "ERASE BINARY",
    0x10: "PERFORM SCQL OPERATION",
    0x12: "PERFORM TRANSACTION OPERATION",
    0x14: "PERFORM USER OPERATION",
    0x20: "VERIFY",
    0x21: "VERIFY",
    0x22: "MANAGE SECURITY ENVIRONMENT",
    0x24: "CHANGE REFERENCE DATA",
    0x25: "CHANGE REFERENCE DATA",
    0x26: "DISABLE VERIFICATION REQUIREMENT",
    0x28: "ENABLE VERIFICATION REQUIREMENT",
    0x2A: "PERFORM SECURITY OPERATION",
    0x2C: "RESET RETRY COUNTER",
    0x2D: "RESET RETRY COUNTER",
    0x44: "ACTIVATE FILE",
    0x46: "GENERATE ASYMMETRIC KEY PAIR",
    0x47: "GENERATE ASYMMETRIC KEY PAIR",
    0x70: "MANAGE CHANNEL",
    0x82: "EXTERNAL AUTHENTICATE",
    0x84: "GET CHALLENGE",
    0x86: "GENERAL AUTHENTICATE",
    0x87: "GENERAL AUTHENTICATE",
    0x88: "INTERNAL AUTHENTICATE",
    0xA0: "SEARCH BINARY",
    0xA1: "SEARCH BINARY",
    0xA2: "SEARCH RECORD",
    0xA4: "SELECT",
    0xB0: "READ BINARY",
    0xB1: "READ BINARY",
    0xB2: "READ RECORD",
    0xB3: "READ RECORD",
    0xC0: "GET RESPONSE",
    0xC2: "ENVELOPE",
    0xC3: "ENVELOPE",
    0xCA: "GET DATA",
    0xCB: "GET DATA",
    0xD0: "WRITE BINARY",
    0xD1: "WRITE BINARY",
    0xD2: "WRITE RECORD",
    0xD6: "UPDATE BINARY",
    0xD7: "UPDATE BINARY",
    0xD8: "PUT KEY",
    0xDA: "PUT DATA",
    0xDB: "PUT DATA",
    0xDC: "UPDATE RECORD",
    0xDD: "UPDATE RECORD",
    0xE0: "CREATE FILE",
    0xE2: "APPEND RECORD",
    0xE4: "DELETE FILE",
    0xE6: "TERMINATE DF",
    0xE8: "TERMINATE EF",
    0xFE: "TERMINATE CARD USAGE",
}
_PERFORM_SECURITY_OPERATION = 0x2A
_SECURITY_OPERATIONS: Mapping[int, str] = {
    0x9E9A: "COMPUTE DIGITAL SIGNATURE",
    0x8086: "DECIPHER",
    0x8680: "ENCIPHER",
    0x90A0: "HASH",
    0x9080: "HASH",
    0x00BE: "VERIFY CERTIFICATE",
    0x00AE: "VERIFY CERTIFICATE",
    0x00A8: "VERIFY DIGITAL SIGNATURE",
}
_CHAINING = 0x10
_PROPRIETARY = 0x80


def name_of(cla: int, ins: int, p1: int = 0, p2: int = 0) -> str:
    """What a command is called, as in `SELECT`; by its bytes where it has no name (`INS F7`)."""
    if cla & _PROPRIETARY:
        return f"CLA {cla:02X} INS {ins:02X}"
    name = _NAMES.get(ins, f"INS {ins:02X}")
    if ins == _PERFORM_SECURITY_OPERATION:
        name = _SECURITY_OPERATIONS.get(p1 << 8 | p2, name)
    return f"{name} (to be continued)" if cla & _CHAINING else name
