"""The structures that readers get, against written-out ones: each kind of PIN, each row of the quirk table."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from cardcore.apdu import CommandApdu
from cardcore.errors import NotSupported
from cardcore.pin import PinEncoding, PinSpec
from cardcore.pinpad.entry import PadEntry
from cardcore.pinpad.features import PadReader, find_pad
from cardcore.pinpad.given import PinPad
from cardcore.pinpad.quirks import QUIRKS
from cardcore.pinpad.structures import PIN_MODIFY, PIN_VERIFY, verify_structure
from cardcore.profile import catalog
from cardcore.profile.model import Step
from cardcore.profile.template import Literal
from cardcore.transport.soft import SoftTransport
from tests.unit import house
from tests.unit.core.softpiv import new_soft_card
from tests.unit.pinpad.padtransport import DIRECT, TLV, PadTransport

VECTORS = json.loads((house.ROOT / "tests" / "vectors" / "pinpad.json").read_text(encoding="utf-8"))
PINS: dict[str, Any] = VECTORS["pins"]
USABLE = [row for row in VECTORS["readers"] if "refused" not in row]
REFUSED = [row for row in VECTORS["readers"] if "refused" in row]
OLD = {"verify": "pin.block", "change": "pin.block", "unblock": "puk.block"}


def plain(text: str) -> str:
    return text.replace(".", "").lower()


def spec(values: dict[str, Any], name: str = "user") -> PinSpec:
    encoding = PinEncoding(values.get("encoding", "ascii"))
    return PinSpec(name=name, ref=0x80, **{**values, "encoding": encoding})


def step(operation: str) -> Step:
    """The one step of the base's operation; `set` is RESET RETRY COUNTER with nothing but a new PIN."""
    operations = catalog.catalog([catalog.shipped_directory()]).load("iso7816").operations
    if operation != "set":
        return operations[operation].steps[0]
    changed = operations["unblock"].steps[0]
    new_only = catalog.catalog([catalog.shipped_directory()]).load("gids").operations["unblock"].steps[0].data
    return replace(changed, p1=Literal(data=b"\x02"), data=new_only)


def reader(name: str = "Good Reader", usb: str = "", told: int = 0) -> PadReader:
    properties = bytes((7, 1, told)) if told else b""
    if usb:
        vendor, product = (bytes.fromhex(part)[::-1] for part in usb.split(":"))
        properties += b"\x0b\x02" + vendor + b"\x0c\x02" + product
    transport = PadTransport(SoftTransport(new_soft_card(), "x"), (*DIRECT, TLV), {TLV: properties})
    found = find_pad(name, transport.control)
    assert found is not None
    return found


def structure(pad: PadReader, operation: str, pin: PinSpec, puk: PinSpec | None = None) -> str:
    """What the reader gets for an operation of a profile."""
    transport = PadTransport(SoftTransport(new_soft_card(), "x"), DIRECT, dict.fromkeys(DIRECT, bytes.fromhex("9000")))
    specs = {OLD[operation]: puk or pin} if operation in OLD else {}
    if operation != "verify":
        specs["new_pin.block"] = pin
    entry = PadEntry(pad, PinPad(), specs)
    values = {"pin.ref": 0x80, **entry.placeholders()}
    assert entry.perform(transport, step(operation), values).sw == 0x9000
    [(feature, data)] = transport.asked
    assert feature == (0x06 if operation == "verify" else 0x07)
    return data.hex()


@pytest.mark.parametrize("vector", VECTORS["structures"], ids=lambda vector: f"{vector['pin']}-{vector['operation']}")
def test_a_structure(vector: dict[str, Any]) -> None:
    puk = spec(vector["puk"], "puk") if "puk" in vector else None
    assert structure(reader(), vector["operation"], spec(PINS[vector["pin"]]), puk) == plain(vector["structure"])


def by_each(rows: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Each reader known by its ids, and by its name where that tells it."""
    return [{**row, "name": "Reader"} for row in rows] + [
        {**row, "usb": ""} for row in rows if row["quirk"] != "OMNIKEY generic"
    ]


@pytest.mark.parametrize("row", by_each(USABLE), ids=lambda row: f"{row['quirk']}-{row['usb']}")
def test_a_reader_that_wants_something_special(row: dict[str, Any]) -> None:
    pad = reader(row["name"], row["usb"], row.get("told", 0))
    fixed, variable = spec(PINS["ascii-8"]), spec(PINS["ascii-variable"])
    assert (pad.quirk.name, pad.refused) == (row["quirk"], "")
    assert structure(pad, "verify", fixed) == plain(row["verify"])
    assert structure(pad, "set", fixed) == plain(row["set"])
    if row["variable"] == "refused":
        with pytest.raises(NotSupported, match=r"(no fixed length|15 digits)"):
            structure(pad, "verify", replace(variable, maximum=8, minimum=6))
    else:
        assert structure(pad, "verify", variable) == plain(row["variable"])


@pytest.mark.parametrize("row", USABLE, ids=lambda row: str(row["quirk"]))
def test_where_no_libccid_mends_it(row: dict[str, Any]) -> None:
    command = CommandApdu(ins=0x20, p2=0x80, data=b"\xff" * 8)
    pad = reader(row["name"], row["usb"])
    made = verify_structure(pad, (spec(PINS["ascii-8"]), (0, 8)), command, seconds=30, libccid=False)
    assert made.hex() == plain(row.get("windows", row["verify"]))


@pytest.mark.parametrize("row", by_each(REFUSED), ids=lambda row: f"{row['quirk']}-{row['usb']}")
def test_a_reader_whose_pad_is_not_used(row: dict[str, Any]) -> None:
    pad = reader(row["name"], row["usb"])
    assert pad.quirk.name == row["quirk"]
    with pytest.raises(NotSupported, match=row["refused"]):
        structure(pad, "verify", spec(PINS["ascii-8"]))


def test_every_row_of_the_table_has_a_vector() -> None:
    assert [row.name for row in QUIRKS if row.name not in {row["quirk"] for row in VECTORS["readers"]}] == []
    assert len({row.name for row in QUIRKS}) == len(QUIRKS)


@pytest.mark.parametrize("vector", VECTORS["structures"], ids=lambda vector: f"{vector['pin']}-{vector['operation']}")
def test_the_declarations_read_what_they_wrote(vector: dict[str, Any]) -> None:
    declared = PIN_VERIFY if vector["operation"] == "verify" else PIN_MODIFY
    raw = bytes.fromhex(plain(vector["structure"]))
    parsed = declared.parse(raw)
    assert declared.build(parsed) == raw
    assert parsed.abData[:1] == b"\x00"
    assert (parsed.wPINMaxExtraDigit >> 8, parsed.bTimerOut) == (PINS[vector["pin"]]["minimum"], 30)
