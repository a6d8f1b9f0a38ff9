"""Cards with files and no directory of them (`directory: files`): everything is where the profile says."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from cardcore.apdu import CommandApdu
from cardcore.card import Card
from cardcore.channel import Channel
from cardcore.directory import open_directory
from cardcore.errors import InputError, NotFound, NotSupported, ReplyError
from cardcore.profile.model import Profile
from tests.unit.core.fakes import Answer, FakeTransport
from tests.unit.core.softpiv import certificate
from tests.unit.profile.profile_text import HEAD, profile

FIRST, SECOND = bytes.fromhex("4C00C101"), bytes.fromhex("2F02")
TEXT = HEAD + (
    "directory: files\n"
    "pins: {user: {ref: 1, length: [4, 8]}}\n"
    'keys: {1: {ref: 1, certificate: "4C00C101"}, 2: {ref: 2}}\n'
    'objects: {serial: "2F02"}\n'
    "operations:\n"
    "  select-file: [{ins: 0xA4, p1: 0x08, p2: 0x0C, data: $object}]\n"
    "  read-binary: [{ins: 0xB0, p1: $offset.high, p2: $offset.low, le: 0, reply: {}}]\n"
)
WRITING = "  update-binary: [{ins: 0xD6, p1: $offset.high, p2: $offset.low, data: $content}]\n"
CERTIFICATE = certificate(ec.generate_private_key(ec.SECP256R1()).public_key())
DER = CERTIFICATE.public_bytes(Encoding.DER)


class Files:
    """A card with transparent files of a fixed size."""

    def __init__(self, files: dict[bytes, bytes]) -> None:
        self.files = files
        self.current = b""

    def answer(self, command: CommandApdu) -> Answer:
        """One reply."""
        offset = command.p1 << 8 | command.p2
        if command.ins == 0xA4:
            self.current = command.data
            return "9000" if command.data in self.files else "6A82"
        content = self.files[self.current]
        if command.ins == 0xB0:
            return content[offset : offset + 256] + b"\x90\x00" if offset < len(content) else "6B00"
        end = offset + len(command.data)
        if end > len(content):
            return "6B00"
        self.files[self.current] = content[:offset] + command.data + content[end:]
        return "9000"


def card_of(files: Files, text: str = TEXT + WRITING) -> Card:
    """The driver on a card with these files."""
    found: Profile = profile(text)
    return Card(found, Channel(FakeTransport(files.answer)), selected=True)


@pytest.mark.parametrize("filler", [b"\x00", b"\xff"])
def test_a_certificate_is_written_read_replaced_and_deleted(filler: bytes) -> None:
    files = Files({FIRST: filler * 2048})
    card = card_of(files)
    assert card.certificate("1") is None
    card.write_certificate("1", CERTIFICATE)
    assert files.files[FIRST] == DER + filler * (2048 - len(DER))
    assert card.certificates() == {"1": CERTIFICATE}
    assert open_directory("files", card.authentication._session).holdings() == ["certificate 1"]
    longer = b"\x30\x82\x05\x00" + b"\x01" * 0x500
    open_directory("files", card.authentication._session).store_certificate(card.profile.keys["1"], longer)
    card.write_certificate("1", CERTIFICATE, force=True)
    assert files.files[FIRST] == DER.ljust(len(longer), b"\x00") + filler * (2048 - len(longer))
    card.delete_certificate("1")
    assert card.certificate("1") is None
    card.delete_certificate("1")


def test_a_key_without_a_file() -> None:
    files = Files({})
    card = card_of(files)
    assert card.certificate("1") is None  # the file is not there
    assert card.certificate("2") is None  # the profile names none
    with pytest.raises(NotSupported, match="no place for a certificate of key 2"):
        card.write_certificate("2", CERTIFICATE)
    with pytest.raises(NotFound):
        card.write_certificate("1", CERTIFICATE)


def test_a_file_that_is_too_small() -> None:
    with pytest.raises(InputError, match="is full"):
        card_of(Files({FIRST: bytes(len(DER) - 1)})).write_certificate("1", CERTIFICATE)
    card = card_of(Files({FIRST: bytes(2)}))
    with pytest.raises(InputError, match="too large"):
        open_directory("files", card.authentication._session).store_certificate(card.profile.keys["1"], bytes(65537))


@pytest.mark.parametrize(
    "content", [b"\x30\x82\x08\x00" + bytes(10), b"\x30\x84\x7f\xff\xff\xff" + bytes(300), b"\x30"]
)
def test_a_certificate_that_goes_on_behind_the_end(content: bytes) -> None:
    with pytest.raises(ReplyError):
        card_of(Files({FIRST: content})).certificate("1")


def test_a_card_whose_files_are_only_read() -> None:
    card = card_of(Files({FIRST: DER, SECOND: b"1234"}), TEXT)
    assert card.certificate("1") == CERTIFICATE
    with pytest.raises(NotSupported, match="does not say how files are written"):
        card.delete_certificate("1")
    with pytest.raises(NotSupported, match="update-binary"):
        card.write("serial", b"5")


def test_objects_are_files() -> None:
    files = Files({SECOND: b"1234"})
    card = card_of(files)
    assert card.read("serial") == card.read("2F02") == b"1234"
    card.write("serial", b"56")
    assert files.files[SECOND] == b"5634"
