"""The card is pulled out, reset or garbled at each exchange of a whole job: nothing hangs, nothing is spent twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding as oracle
from cryptography.hazmat.primitives.asymmetric import rsa

from cardcore import opening
from cardcore.apdu import CommandApdu
from cardcore.card import Card
from cardcore.errors import CardError, CardRemoved, CardReset, TransportError
from cardcore.masking import OPEN, Mask
from cardcore.softcard import SoftCard
from cardcore.transport.faults import CountingTransport, FaultKind, FaultPlan, FaultTransport
from cardcore.transport.soft import SoftTransport
from tests.unit.core.rsakeys import HASHES
from tests.unit.core.softpiv import ADMIN, PIN, certificate, new_soft_card

MESSAGE = b"a message"


class Witness(CountingTransport):
    """Stands between the fault and the card: what really reached the card, and whether transactions ended."""

    def __init__(self, card: SoftCard) -> None:
        super().__init__(SoftTransport(card, "test"))
        self.verifies = 0
        self.open_transactions = 0
        self.closed = False

    @property
    def extended_length(self) -> bool:
        """No, so that commands are chained."""
        return False

    def transmit(self, command: bytes, mask: Mask = OPEN) -> bytes:
        """Count PINs."""
        decoded = CommandApdu.decode(command)
        self.verifies += decoded.ins == 0x20 and bool(decoded.data)
        return super().transmit(command, mask)

    def begin(self) -> None:
        """One more transaction."""
        super().begin()
        self.open_transactions += 1

    def end(self) -> None:
        """One less; `end` after a failed `begin` would show as well."""
        super().end()
        self.open_transactions -= 1

    def close(self) -> None:
        """Note it."""
        self.closed = True
        super().close()


def job(card: Card) -> None:
    """Verify, authenticate, generate, sign, decrypt, write a certificate."""
    card.verify(PIN)
    card.authenticate_admin(ADMIN)
    public = card.generate("9d", "rsa1024")
    assert isinstance(public, rsa.RSAPublicKey)
    public.verify(card.sign("9d", MESSAGE), MESSAGE, oracle.PKCS1v15(), HASHES["sha256"])
    assert card.decipher("9d", public.encrypt(MESSAGE, oracle.PKCS1v15())) == MESSAGE
    made = certificate(public)
    card.write_certificate("9d", made)
    assert card.certificate("9d") == made


def run(transport: CountingTransport) -> Card:
    """The whole job from opening on."""
    card = opening.open_on(transport, "piv")
    try:
        job(card)
    except CardError:
        card.close()
        raise
    return card


@pytest.fixture(scope="module")
def exchanges() -> int:
    """How many exchanges the job takes, its end included."""
    witness = Witness(new_soft_card())
    run(witness).close()
    assert witness.verifies == 1
    assert witness.open_transactions == 0
    return witness.count


def each(
    exchanges: int, kind: FaultKind, size: int = 0, sw: int = 0x6F00
) -> Iterator[tuple[int, Witness, FaultTransport]]:
    """A new card for each exchange, with the fault there."""
    assert exchanges >= 14
    for at in range(1, exchanges + 1):
        witness = Witness(new_soft_card())
        yield at, witness, FaultTransport(witness, FaultPlan(kind=kind, at=at, size=size, sw=sw))


@pytest.mark.parametrize("kind", [FaultKind.REMOVED_BEFORE, FaultKind.REMOVED_AFTER])
def test_the_card_is_pulled_at_each_exchange(exchanges: int, kind: FaultKind) -> None:
    told = 0
    for at, witness, transport in each(exchanges, kind):
        try:
            run(transport).close()
        except CardRemoved:
            told += 1
        assert witness.verifies <= 1, at
        assert witness.open_transactions == 0, at
        assert witness.closed, at
    assert told == exchanges  # close ends the administrator's part by a reset, which is no exchange


def test_the_card_is_reset_at_each_exchange(exchanges: int) -> None:
    for at, witness, transport in each(exchanges, FaultKind.RESET):
        card = reopened(witness, transport)
        before = witness.verifies
        try:
            job(card)
        except CardReset:
            assert witness.verifies - before <= 1, at
            assert witness.open_transactions == 0, at
            job(card)
        card.close()
        assert witness.verifies <= 2, at
        assert witness.open_transactions == 0, at
        assert witness.closed, at


def reopened(witness: Witness, transport: FaultTransport) -> Card:
    """The card on the transport, at the second attempt if another program resets it during the first."""
    try:
        return opening.open_on(transport, "piv")
    except CardReset:
        assert witness.closed
        fresh = SoftTransport(new_soft_card(), "test")
        return opening.open_on(fresh, "piv")


@pytest.mark.parametrize("between", range(7))
def test_a_reset_between_two_calls_is_recovered_from(between: int) -> None:
    witness = Witness(new_soft_card())
    card = opening.open_on(transport := FaultTransport(witness), "piv")
    job(card)
    calls: list[Callable[[], object]] = [
        lambda: card.verify(PIN),
        lambda: card.authenticate_admin(ADMIN),
        lambda: card.sign("9d", MESSAGE, pin=PIN),
        lambda: card.certificate("9d"),
        lambda: card.key("9d"),
        lambda: card.pins(),
        lambda: card.read("chuid"),
    ]
    reset_by_another(transport)
    calls[between]()
    job(card)
    card.close()
    assert witness.open_transactions == 0


def reset_by_another(transport: FaultTransport) -> None:
    """Another program resets the card, which shows at the next transaction."""
    transport.inner.reset()
    transport._failure = CardReset


def test_a_reset_before_the_first_transaction_is_recovered_from() -> None:
    witness = Witness(new_soft_card())
    transport = FaultTransport(witness)
    reset_by_another(transport)
    card = opening.open_on(transport, "piv")
    job(card)
    card.close()


def test_a_card_that_is_gone_from_the_start() -> None:
    transport = FaultTransport(Witness(new_soft_card()), FaultPlan(kind=FaultKind.REMOVED_BEFORE))
    with pytest.raises(CardRemoved):
        opening.open_on(transport, "piv")


FAULTS = [
    (FaultKind.BUSY, 0, 0),
    (FaultKind.STATUS, 0, 0x6F00),
    (FaultKind.STATUS, 0, 0x6982),
    (FaultKind.STATUS, 0, 0x6A82),
    (FaultKind.STATUS, 0, 0x6D00),
    (FaultKind.STATUS, 0, 0x61FF),
    (FaultKind.STATUS, 0, 0x6C10),
    (FaultKind.STATUS, 0, 0x63C2),
    (FaultKind.STATUS, 0, 0x6983),
    (FaultKind.STATUS, 0, 0x9000),
    (FaultKind.TRUNCATED, 0, 0),
    (FaultKind.TRUNCATED, 3, 0),
    (FaultKind.GARBLED, 0, 0),
    (FaultKind.OVERSIZED, 300, 0),
]


@pytest.mark.parametrize(("kind", "size", "sw"), FAULTS)
def test_every_other_fault_at_each_exchange(exchanges: int, kind: FaultKind, size: int, sw: int) -> None:
    for at, witness, transport in each(exchanges, kind, size, sw):
        failure = outcome(transport)
        assert failure is None or isinstance(failure, TransportError) is (kind is FaultKind.BUSY), (at, failure)
        assert witness.verifies <= 1, at
        assert witness.open_transactions == 0, at
        assert witness.closed, at


def outcome(transport: FaultTransport) -> CardError | None:
    """The error that the job ended with; none also where what the fault changed is found wrong by the job itself."""
    try:
        with opening.open_on(transport, "piv") as card:
            job(card)
    except CardError as error:
        return error
    except (AssertionError, InvalidSignature):
        return None
    return None
