"""Writes that are cut off on either side, this driver's and OpenSC's: each goes on where the other was stopped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from cardcore.errors import CardRemoved
from cardcore.opening import open_on
from cardcore.softcard import SoftCard
from cardcore.transport.faults import FaultKind, FaultPlan, FaultTransport
from cardcore.transport.soft import SoftTransport
from tests.simulated.isobench import AUTH, PIN, Bench
from tests.simulated.rig import PcscRig
from tests.unit.directory.isocard import IsoCard, iso_card

pytestmark = pytest.mark.pcsc

PUK = "0123456789abcdef"


@pytest.fixture(scope="module")
def rig() -> Iterator[PcscRig]:
    with PcscRig(readers=1) as running:
        yield running


class Failing:
    """A card that loses its power for good after so many commands that change it, as a peer sees one pulled out."""

    def __init__(self, card: SoftCard, changes: int) -> None:
        self._card = card
        self.left = changes

    @property
    def atr(self) -> bytes:
        return self._card.atr

    def process(self, command: bytes) -> bytes:
        if self.left < 0:
            return b"\x6f\x00"
        self.left -= command[1] in (0xD6, 0xE0, 0xE4)
        return self._card.process(command) if self.left >= 0 else b"\x6f\x00"

    def reset(self) -> None:
        self._card.reset()

    def power_off(self) -> None:
        self._card.power_off()


@pytest.fixture
def leftovers(rig: PcscRig, tmp_path: Path) -> Iterator[tuple[Bench, IsoCard]]:
    """A card with the key 1 and no certificate, in the reader, and certificates for it in the folder."""
    card = iso_card()
    rig.insert(0, card.soft)
    try:
        bench = Bench(rig=rig, reader=rig.reader_names[0], card=card.soft, folder=tmp_path)
        bench.openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "rsa.key")
        for name in ("Short", "A much longer name than before"):
            bench.openssl("req", "-x509", "-new", "-key", "rsa.key", "-subj", f"/CN={name}", "-out", f"{name[0]}.crt")
        with bench.ours() as opened:
            opened.initialise("Ours", pin=PIN, puk=PUK)
            private = serialization.load_pem_private_key(bench.read("rsa.key"), None)
            opened.import_key("1", private)  # type: ignore[arg-type] # the loader's type has every kind of key
        yield bench, card
    finally:
        rig.remove(0)


def stored(bench: Bench, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(bench.read(f"{name}.crt"))


def read_by_opensc(bench: Bench) -> x509.Certificate:
    bench.pkcs15("--read-certificate", "1", "--output", "read.crt")
    return stored(bench, "read")


def cut_off(card: IsoCard, certificate: x509.Certificate, kind: FaultKind, at: int) -> bool:
    """The certificate is written, but the card pulled out at that exchange; False if that was over before."""
    transport = FaultTransport(SoftTransport(card.soft, "card"), FaultPlan(kind=kind, at=at))
    with suppress(CardRemoved), open_on(transport, "isoapplet") as opened:
        opened.verify(PIN)
        opened.write_certificate("1", certificate)
    return transport.count >= at


@pytest.mark.parametrize("kind", [FaultKind.REMOVED_BEFORE, FaultKind.REMOVED_AFTER])
def test_opensc_agrees_after_writes_that_were_cut_off(leftovers: tuple[Bench, IsoCard], kind: FaultKind) -> None:
    bench, card = leftovers
    for name in ("S", "A"):
        bench.rig.remove(0)
        at = 1
        while cut_off(card, stored(bench, name), kind, at):
            at += 1
        bench.rig.insert(0, card.soft)
        assert at > 20
        assert read_by_opensc(bench) == stored(bench, name)
        assert card.values == card.named
        assert bench.pkcs15("--dump").count("X.509 Certificate [") == 1


def test_what_we_left_is_not_in_the_way_of_opensc(leftovers: tuple[Bench, IsoCard]) -> None:
    """It takes what no entry names for free, if it is large enough; we clear away what is not."""
    bench, card = leftovers
    with bench.ours() as opened:
        opened.verify(PIN)
        opened.write("3F0050153400", bytes(20))
        opened.write_certificate("1", stored(bench, "S"))
        opened.delete_certificate("1")
    assert card.values == {0x3300}
    bench.init("--store-certificate", "A.crt", "--id", "1", *AUTH)
    assert read_by_opensc(bench) == stored(bench, "A")


def test_what_opensc_left_is_not_in_our_way(leftovers: tuple[Bench, IsoCard]) -> None:
    bench, card = leftovers
    for changes in range(20):
        bench.rig.remove(0)
        bench.rig.insert(0, failing := Failing(card.soft, changes))
        with suppress(AssertionError):  # its exit status tells that the card has gone
            bench.init("--store-certificate", "S.crt", "--id", "1", *AUTH)
        with bench.ours() as opened:
            opened.verify(PIN)
            opened.write_certificate("1", stored(bench, "A"))
            assert card.values == card.named
            if failing.left >= 0:
                break
            opened.delete_certificate("1")
    assert 3 < changes < 19
    assert read_by_opensc(bench) == stored(bench, "A")
