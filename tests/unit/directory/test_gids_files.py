"""The files of a GIDS card: against what other programs wrote, and against nonsense."""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardcore.directory.gids.containers import Container, ContainerMap, KeyMap
from cardcore.directory.gids.filesystem import FileTable, Place, compress, decompress
from cardcore.errors import InputError, NotSupported, ReplyError
from cardcore.tlv import parse_one

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "gids"
BOMB = b"\x01\x00\xff\xff" + zlib.compress(bytes(1_000_000), 9)


def last_written(place: str, tag: str) -> bytes:
    """What OpenSC wrote into an object last; the recordings hold it as the reply to a later reading."""
    found = b""
    for path in (VECTORS / f"{name}.jsonl" for name in (VECTORS / "order.txt").read_text().split()):
        for line in path.read_text().splitlines():
            command, _, reply = line.partition('"r":"')
            if f'"00cb{place}045c02{tag}00"' in command and reply.partition('"')[0].endswith("9000"):
                found = parse_one(bytes.fromhex(reply.partition('"')[0])[:-2]).value
    return found


def written(operation: str, head: str) -> bytes:
    """The object in the last command of a recording that begins with `head`."""
    text = (VECTORS / f"{operation}.jsonl").read_text()
    command = [part.partition('"')[0] for part in text.split('"c":"') if part.startswith(head)][-1]
    return parse_one(bytes.fromhex(command)[5:]).value


def test_the_table_of_another_program_is_read_and_kept() -> None:
    data = last_written("a000", "df1f")
    table = FileTable.parse(data)
    names = [(entry.directory, entry.name) for entry in table.entries]
    assert names == [
        ("mscp", ""),
        ("", "cardid"),
        ("", "cardapps"),
        ("", "cardcf"),
        ("mscp", "cmapfile"),
        ("mscp", "kxc00"),
    ]
    assert table.find("MSCP", "kxc00") == Place(file=0xA010, tag=0xDF24)
    assert table.find("mscp", "") is None
    assert table.encode() == data


def test_a_new_file_gets_the_first_free_object() -> None:
    table = FileTable.parse(last_written("a000", "df1f")).with_file("mscp", "ksc01", 0xA010)
    assert table.find("mscp", "ksc01") == Place(file=0xA010, tag=0xDF25)
    assert FileTable.parse(table.encode()) == table
    without = table.without(Place(file=0xA010, tag=0xDF24))
    assert without.with_file("mscp", "kxc07", 0xA010).find("mscp", "kxc07") == Place(file=0xA010, tag=0xDF24)


def test_a_full_table_is_told() -> None:
    table = FileTable()
    for number in range(0x5F):
        table = table.with_file("mscp", f"kxc{number:02X}", 0xA010)
    with pytest.raises(NotSupported, match="full"):
        table.with_file("mscp", "kxc7F", 0xA010)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x02",
        b"\x01" + bytes(27),
        b"\x01" + bytes(28 * 1025),
        b"\x01" + bytes(9) + b"x".ljust(11, b"\0") + b"\xff" * 8,
    ],
    ids=["empty", "version", "cut off", "too long", "no place"],
)
def test_a_malformed_table_is_refused(data: bytes) -> None:
    with pytest.raises(ReplyError):
        FileTable.parse(data)


@pytest.mark.parametrize("identifier", ["A010", "A010DF2200", "A01080DF"])
def test_what_is_no_place_is_refused(identifier: str) -> None:
    with pytest.raises(InputError):
        Place.parse(bytes.fromhex(identifier))


def test_the_containers_of_another_program_are_read_and_kept() -> None:
    data = last_written("a010", "df23")
    (container,) = ContainerMap.parse(data).containers
    assert container == Container(index=0, name="Private Key 00", valid=True, default=True, exchange_bits=2048)
    assert ContainerMap.parse(data).encode() == data
    assert (container.bits, container.for_signature) == (2048, False)


def test_the_key_map_is_the_one_of_another_program() -> None:
    assert KeyMap().with_key(0, 0x07, 0xB081).encode() == written("gen-rsa2048", "00dba00010df20")


def test_maps_grow_with_empty_records() -> None:
    containers = ContainerMap().with_container(Container.new(2, 1024))
    assert [container.bits for container in containers.containers] == [0, 0, 1024]
    assert [container.default for container in containers.containers] == [False, False, True]
    keys = KeyMap().with_key(2, 0x06, 0xB083)
    assert len(keys.records) == 3
    assert KeyMap.parse(keys.encode()) == keys
    assert ContainerMap.parse(containers.encode()) == containers
    assert keys.without_key(2).records[2] == keys.records[0]


def test_records_after_the_last_key_are_left_out() -> None:
    containers = ContainerMap().with_container(Container.new(0, 2048)).with_container(Container(index=3))
    assert (len(containers.containers), containers.used) == (4, 1)
    assert len(containers.resized(containers.used).encode()) == 86
    assert KeyMap().with_key(0, 0x07, 0xB081).resized(0).encode() == b"\x01"


def test_there_is_always_a_default_container() -> None:
    both = ContainerMap().with_container(Container.new(0, 2048)).with_container(Container.new(1, 2048))
    assert [container.default for container in both.containers] == [True, False]
    left = both.with_container(Container(index=0))
    assert [container.default for container in left.containers] == [False, True]
    assert not any(container.default for container in left.with_container(Container(index=1)).containers)


def test_container_names_are_unique_and_fit() -> None:
    one, other = Container.new(0, 2048), Container.new(0, 2048)
    assert one.name != other.name
    assert len(Container(index=0, name="n" * 60).encode()) == len(one.encode()) == 86
    assert ContainerMap.parse(Container(index=0, name="n" * 60).encode()).containers[0].name == "n" * 39


def test_a_signature_key_is_told_from_one_for_exchange() -> None:
    container = Container(index=0, name="x", valid=True, signature_bits=1024)
    assert (container.bits, container.for_signature) == (1024, True)


@pytest.mark.parametrize("data", [bytes(85), bytes(86 * 257)], ids=["cut off", "too long"])
def test_a_malformed_container_map_is_refused(data: bytes) -> None:
    with pytest.raises(ReplyError):
        ContainerMap.parse(data)


@pytest.mark.parametrize("data", [b"\x02", b"\x01" + bytes(11), b"\x01" + bytes(12 * 257)])
def test_a_malformed_key_map_is_refused(data: bytes) -> None:
    with pytest.raises(ReplyError):
        KeyMap.parse(data)


@given(st.binary(max_size=600))
def test_nonsense_is_read_or_refused(data: bytes) -> None:
    for parse in (FileTable.parse, ContainerMap.parse, KeyMap.parse, decompress):
        try:
            parse(data)
        except ReplyError:
            continue


@given(st.lists(st.binary(min_size=86, max_size=86), max_size=5))
def test_whatever_a_map_holds_can_be_written_back(records: list[bytes]) -> None:
    try:
        containers = ContainerMap.parse(b"".join(records))
    except ReplyError:
        return
    assert ContainerMap.parse(containers.encode()) == containers


@given(st.binary(max_size=3000))
def test_certificates_survive_compression(content: bytes) -> None:
    der = b"\x30" + content
    assert decompress(compress(der)) == der
    assert decompress(der) == der


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x02\x00\x01\x00",
        b"\x01\x00\x05\x00nothing",
        b"\x01\x00\x06\x00" + zlib.compress(b"seven.."),
        b"\x01\x00\x07\x00" + zlib.compress(b"seven..")[:-4],
        BOMB,
    ],
    ids=["empty", "unknown", "no zlib", "another length", "cut off", "bomb"],
)
def test_what_is_no_certificate_is_refused(content: bytes) -> None:
    with pytest.raises(ReplyError):
        decompress(content)


def test_a_certificate_that_is_too_large_is_refused() -> None:
    with pytest.raises(InputError):
        compress(bytes(0x10000))
