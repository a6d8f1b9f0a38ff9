"""The driver on an IsoApplet: made usable, keys and certificates kept in its lists, few commands, clear refusals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1, SHA256

from cardcore.card import Card
from cardcore.errors import (
    CardRemoved,
    InputError,
    NotFound,
    NotSupported,
    PinBlocked,
    PinError,
    SecurityStatus,
    StatusError,
)
from cardcore.opening import open_on
from cardcore.softcard import ScryptCost, SoftCard, volatile_card
from cardcore.transport.base import OPEN, Mask
from cardcore.transport.faults import FaultKind, FaultPlan, FaultTransport
from cardcore.transport.soft import SoftTransport

PIN, OTHER_PIN, PUK = "123456", "654321", "0123456789abcdef"
NUMBER = bytes.fromhex("0102030405060708")
RSA_KEY = rsa.generate_private_key(65537, 2048)
EC_KEY = ec.generate_private_key(ec.SECP384R1())
WEAK = SHA1()  # noqa: S303 - the only hash that the card has for ECDSA


class Counting(SoftTransport):
    """A software card that notes what it is sent."""

    def __init__(self, card: SoftCard) -> None:
        super().__init__(card, "iso")
        self.log: list[bytes] = []

    def transmit(self, command: bytes, mask: Mask = OPEN) -> bytes:
        self.log.append(command)
        return super().transmit(command, mask)


def blank() -> SoftCard:
    return volatile_card("isoapplet", blank=True, cost=ScryptCost(n=16))


def certificate(key: rsa.RSAPrivateKey, name: str) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    dates = (datetime(2026, 1, 1), datetime(2036, 1, 1))
    return x509.CertificateBuilder(subject, subject, key.public_key(), 7, *dates).sign(key, SHA256())


def puk_command() -> int:
    """The number of the command that sets the first PUK."""
    whole = Counting(blank())
    open_on(whole).initialise(pin=PIN, puk=PUK)
    return 1 + next(place for place, command in enumerate(whole.log) if command[1] == 0x24)


def listed(card: Card) -> list[tuple[str, int]]:
    """Names and references of the keys on the card."""
    infos = card.keys()
    return [(info.slot.name, info.slot.ref) for info in infos]


@pytest.fixture
def played() -> SoftCard:
    return blank()


@pytest.fixture
def card(played: SoftCard) -> Iterator[Card]:
    with open_on(SoftTransport(played, "iso"), "isoapplet") as opened:
        opened.initialise("Test", pin=PIN, puk=PUK)
        yield opened


def test_the_profile_is_found_by_itself(played: SoftCard) -> None:
    transport = Counting(played)
    assert open_on(transport).profile.id == "isoapplet"
    assert len(transport.log) == 1


def test_a_blank_card_wants_its_secrets(played: SoftCard) -> None:
    card = open_on(SoftTransport(played, "iso"))
    with pytest.raises(InputError):
        card.initialise()
    with pytest.raises(InputError):
        card.initialise(pin="1", puk=PUK)
    with pytest.raises(InputError):
        card.initialise(pin=PIN, puk=PUK, admin="key")
    with pytest.raises(InputError):
        card.initialise("a label that is much too long for it", pin=PIN, puk=PUK)
    assert card.pin_status().verified  # no PIN is set, so none is wanted
    with pytest.raises(NotFound):
        card.write_certificate("1", certificate(RSA_KEY, "early"))


def test_the_first_secrets_and_files_are_set_as_the_applet_wants_them(played: SoftCard) -> None:
    transport = Counting(played)
    open_on(transport).initialise(pin=PIN, puk=PUK)
    sent = [command.hex() for command in transport.log]
    first = sent.index("00a4000c023f00")
    assert sent[first + 1] == "00e00000176f1581021388820138830250158608ff00000000000090"
    token = next(place for place, command in enumerate(sent) if "83025032" in command)
    puk = sent.index("0024010210" + PUK.encode().hex())
    assert sent[puk + 1] == "0024010110" + PIN.encode().hex() + "00" * 10
    assert first < token < puk  # the serial number is there before any secret
    assert "00e00000176f1581020100820101830244018608ff90909090909000" in sent[puk:]
    assert "00e00000176f1581020100820101830250318608ff00000000000000" in sent[puk:]


def test_a_card_tells_its_number_before_it_has_a_secret(played: SoftCard) -> None:
    seen: list[tuple[str, list[str]]] = []
    opened = open_on(SoftTransport(played, "iso"))
    opened.initialise(
        pin=PIN,
        puk=PUK,
        serial=NUMBER,
        numbered=lambda: seen.append((open_on(SoftTransport(played, "other")).serial(), opened.holdings())),
    )
    assert seen == [(NUMBER.hex(), [])]
    assert opened.holdings() == ["a PKCS#15 application"]


def test_an_initialisation_that_was_interrupted_is_completed() -> None:
    """After whatever command: as begun anew if the card has no secret yet, with the same ones if it has."""
    whole = Counting(blank())
    open_on(whole).initialise(pin=PIN, puk=PUK, serial=NUMBER)
    puk = puk_command()
    blank_ones = 0
    for at in range(1, len(whole.log) + 1):
        card = blank()
        fault = FaultTransport(SoftTransport(card, "iso"), FaultPlan(kind=FaultKind.REMOVED_AFTER, at=at))
        with suppress(CardRemoved):
            open_on(fault).initialise(pin=PIN, puk=PUK, serial=NUMBER)
        opened = open_on(SoftTransport(card, "iso"))
        blank_ones += opened.serial() == ""
        assert (opened.serial() == NUMBER.hex()) or at < puk
        assert (opened.holdings() == []) is (at <= puk)
        opened.initialise(pin=PIN, puk=PUK, serial=NUMBER, again=at >= puk)
        assert opened.serial() == NUMBER.hex()
        opened.verify(PIN)
        opened.unblock_pin(PUK, OTHER_PIN)
    assert 0 < blank_ones < puk


def test_a_puk_that_somebody_has_set_is_not_taken_for_ours(played: SoftCard) -> None:
    fault = FaultTransport(SoftTransport(played, "iso"), FaultPlan(kind=FaultKind.REMOVED_AFTER, at=puk_command()))
    with pytest.raises(CardRemoved):
        open_on(fault).initialise(pin=PIN, puk="fedcba9876543210")
    with pytest.raises(StatusError):
        open_on(SoftTransport(played, "iso")).initialise(pin=PIN, puk=PUK)
    assert open_on(SoftTransport(played, "iso")).pin_status().verified  # it has no PIN yet


def test_a_card_that_holds_something_is_not_initialised(card: Card) -> None:
    with pytest.raises(InputError, match="not blank"):
        card.initialise(pin=PIN, puk=PUK)


def test_a_new_card_has_its_own_serial_number(card: Card) -> None:
    other = open_on(SoftTransport(blank(), "other"))
    other.initialise(pin=PIN, puk=PUK)
    assert len(card.serial()) == 16
    assert card.serial() != other.serial()


@pytest.mark.parametrize("type_name", ["rsa2048", "ecp256", "ecp384"])
def test_a_generated_key_is_listed_and_signs(card: Card, type_name: str) -> None:
    public = card.generate("7", type_name)
    (info,) = card.keys()
    assert info.type is not None
    assert (info.slot.name, info.type.name, info.origin) == ("7", type_name, "generated")
    assert card.public_key("7") == public
    signature = card.sign("7", b"message", hash="sha1")
    if isinstance(public, rsa.RSAPublicKey):
        public.verify(signature, b"message", PKCS1v15(), WEAK)
    else:
        public.verify(signature, b"message", ec.ECDSA(WEAK))


def test_imported_keys_are_used(card: Card) -> None:
    card.import_key("1", RSA_KEY)
    card.import_key("2", EC_KEY)
    assert listed(card) == [("1", 0), ("2", 1)]
    RSA_KEY.public_key().verify(card.sign("1", b"message"), b"message", PKCS1v15(), SHA256())
    EC_KEY.public_key().verify(card.sign("2", b"message", hash="sha1"), b"message", ec.ECDSA(WEAK))
    assert card.decipher("1", RSA_KEY.public_key().encrypt(b"secret", PKCS1v15())) == b"secret"


@pytest.mark.parametrize(("name", "size"), [("sha1", 20), ("sha256", 32), ("md5sha1", 36)])
def test_bare_bytes_are_signed(card: Card, name: str, size: int) -> None:
    card.import_key("1", RSA_KEY)
    block = bytes(range(size))
    signature = card.sign("1", block, hash=name, oid=False, prehashed=True)
    assert RSA_KEY.public_key().recover_data_from_signature(signature, PKCS1v15(), None) == block


REFUSED: dict[str, Callable[[Card], object]] = {
    "ECDSA with another hash": lambda card: card.sign("2", b"message", hash="sha256"),
    "ECDSA of a hash": lambda card: card.sign("2", bytes(20), hash="sha1", prehashed=True),
    "PSS": lambda card: card.sign("1", b"message", scheme="pss"),
    "OAEP": lambda card: card.decipher("1", bytes(256), scheme="oaep"),
    "key agreement": lambda card: card.agree("2", EC_KEY.public_key()),
    "RSA-4096": lambda card: card.generate("3", "rsa4096"),
    "P-521": lambda card: card.generate("3", "ecp521"),
    "factory reset": lambda card: card.reset_card(),
}


@pytest.mark.parametrize("action", REFUSED.values(), ids=REFUSED)
def test_what_the_card_cannot_do_is_refused_before_anything_is_sent(
    played: SoftCard, action: Callable[[Card], object]
) -> None:
    transport = Counting(played)
    card = open_on(transport)
    card.initialise(pin=PIN, puk=PUK)
    card.import_key("1", RSA_KEY)
    card.import_key("2", EC_KEY)
    card.keys()
    transport.log.clear()
    with pytest.raises(NotSupported):
        action(card)
    assert transport.log == []


def test_a_first_signature_takes_seven_commands_and_the_next_two(card: Card, played: SoftCard) -> None:
    card.generate("1", "rsa2048")
    card.close()
    transport = Counting(played)
    again = open_on(transport)
    again.sign("1", b"message", pin=PIN)
    assert len(transport.log) == 7
    transport.log.clear()
    again.sign("1", b"another")
    assert [command[1] for command in transport.log] == [0x22, 0x2A]


def test_certificates_come_and_go(card: Card) -> None:
    card.import_key("1", RSA_KEY)
    for name in ("one", "another that is longer", "1"):
        new = certificate(RSA_KEY, name)
        card.write_certificate("1", new)
        assert card.certificates() == {"1": new}
    with pytest.raises(InputError):
        card.write_certificate("1", certificate(rsa.generate_private_key(65537, 2048), "foreign"))
    card.delete_certificate("1")
    assert card.certificates() == {}


def test_a_deleted_key_is_gone_for_good(card: Card) -> None:
    card.import_key("1", RSA_KEY)
    card.import_key("2", EC_KEY)
    card.delete_key("1")
    assert listed(card) == [("2", 1)]
    with pytest.raises(NotFound):
        card.sign("1", b"message", key_type="rsa2048")
    with pytest.raises(NotFound):
        card.delete_key("1")


def test_keys_find_their_places(card: Card) -> None:
    for name in ("1", "3", "16"):
        card.generate(name, "ecp256")
    assert listed(card) == [("1", 0), ("3", 2), ("16", 15)]
    card.generate("3", "ecp384")
    assert listed(card) == [("1", 0), ("3", 2), ("16", 15)]


def test_sixteen_keys_fit_and_keep_apart(card: Card) -> None:
    made = {str(number): card.generate(str(number), "ecp256") for number in range(1, 17)}
    infos = card.keys()
    assert {info.slot.name: card.public_key(info.slot.name) for info in infos} == made
    public = made["16"]
    assert isinstance(public, ec.EllipticCurvePublicKey)
    public.verify(card.sign("16", b"message", hash="sha1"), b"message", ec.ECDSA(WEAK))


def test_files_are_read_and_written_by_path(card: Card) -> None:
    card.write("3F0050153201", b"notes")
    assert card.read("3F0050153201") == b"notes"
    card.write("50153201", b"other")
    assert card.read("3F0050153201") == b"other"
    with pytest.raises(NotFound):
        card.read("3F0050153202")
    with pytest.raises(InputError):
        card.write("notes", b"")
    with pytest.raises(InputError, match="full"):
        card.write("3F0050153201", bytes(6))


def test_pins_are_changed_blocked_and_unblocked(card: Card) -> None:
    card.change_pin(PIN, OTHER_PIN)
    with pytest.raises(PinError) as caught:
        card.verify(PIN)
    assert caught.value.tries_left == 2
    card.verify(OTHER_PIN)
    for _ in range(3):
        with pytest.raises(PinError):
            card.verify(PIN, last_try=True)
    with pytest.raises(PinBlocked):
        card.verify(OTHER_PIN)
    card.unblock_pin(PUK, PIN)
    card.verify(PIN)


def test_keys_want_the_pin(card: Card, played: SoftCard) -> None:
    card.import_key("1", RSA_KEY)
    card.close()
    again = open_on(SoftTransport(played, "iso"))
    with pytest.raises(SecurityStatus):
        again.sign("1", b"message")
    assert again.sign("1", b"message", pin=PIN)


def test_closing_ends_the_proof(card: Card, played: SoftCard) -> None:
    card.close()
    transport = Counting(played)
    with open_on(transport) as again:
        again.verify(PIN)
        transport.log.clear()
    assert [command[:4].hex() for command in transport.log] == ["00a40400"]


def test_looking_for_what_is_not_there_costs_no_proof(card: Card) -> None:
    card.verify(PIN)
    for miss in (lambda: card.read("3F0050153202"), lambda: card.key("9"), lambda: card.read("nothing")):
        with pytest.raises(NotFound):
            miss()
    assert card.certificate("9") is None
    card.generate("1", "ecp256")


def test_random_bytes_come_from_the_card(card: Card) -> None:
    assert len(card.random(20)) == 20
