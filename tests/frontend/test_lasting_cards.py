"""A key pair is used where its card was last, without a look at the readers; and if that is not there any more?"""

from __future__ import annotations

import pytest

from cardcore.masking import OPEN, Mask
from cardcore.transport.base import Transport
from cardcore.transport.wrapper import TransportWrapper
from csp_frontend.constants import AT_KEYEXCHANGE, Alg, Code, SetPp
from csp_frontend.prompts import Answer, PinRequest
from csp_frontend.provider import ClientSession
from tests.frontend.bench import PIN, SILENT, WRONG, Bench, certificate_of, piv_card
from tests.frontend.refusals import refused
from tests.unit.core.rsakeys import rsa_key

READER = "Reader A"
CHUID = bytes.fromhex("5C035FC102")


@pytest.fixture
def bench() -> Bench:
    bench = Bench()
    bench.readers.plug(READER, piv_card())
    return bench


class Program:
    """A program with a context for the card in a reader; it knows the PIN, unless its context is not silent."""

    def __init__(self, bench: Bench, flags: int = SILENT) -> None:
        self.client: ClientSession = bench.client()
        self.context = self.client.CPAcquireContext(f"\\\\.\\{READER}\\", flags)
        if flags & SILENT:
            self.client.CPSetProvParam(self.context, SetPp.PP_KEYEXCHANGE_PIN, PIN.encode(), 0)
        self.hashed = self.client.CPCreateHash(self.context, Alg.CALG_SHA_256, 0, 0)

    def sign(self) -> bytes:
        found = self.client.CPSignHash(self.context, self.hashed, AT_KEYEXCHANGE, None, 0, 256).data
        assert found is not None
        return found


def is_right(signature: bytes) -> bool:
    """Whether it is by the key of the card, over the hash of nothing."""
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.hashes import SHA256

    key = certificate_of(0).public_key()
    assert isinstance(key, RSAPublicKey)
    key.verify(signature[::-1], b"", PKCS1v15(), SHA256())
    return True


def test_a_warm_signature_looks_at_no_reader_and_costs_one_command(bench: Bench) -> None:
    program = Program(bench)
    program.sign()
    looks, exchanges = bench.readers.looks, bench.exchanges
    assert is_right(program.sign())
    assert (bench.readers.looks, bench.exchanges) == (looks, exchanges + 1)


@pytest.mark.parametrize("elsewhere", [READER, "Reader B"])
def test_the_card_was_put_in_again(bench: Bench, elsewhere: str) -> None:
    program = Program(bench)
    card = bench.readers._readers[READER][0]
    program.sign()
    bench.readers.pull(READER)
    bench.readers.plug(elsewhere, card)
    assert is_right(program.sign())


def test_the_card_was_taken_out(bench: Bench) -> None:
    program = Program(bench)
    program.sign()
    bench.readers.pull(READER)
    for _ in range(2):
        with refused(Code.SCARD_W_REMOVED_CARD):
            program.sign()


def test_another_card_is_there_and_gets_no_pin(bench: Bench) -> None:
    program = Program(bench)
    program.sign()
    other = piv_card(pin_tries=2, bits=1024)
    bench.readers.plug(READER, other)
    with refused(Code.SCARD_W_REMOVED_CARD):
        program.sign()
    [token] = bench.provider.pool.opened()
    status = token.card.pin_status()
    assert (status.tries_left, status.verified) == (2, False)
    assert rsa_key(1024).public_key() in [container.key for container in token.containers()]


def test_it_goes_before_another_client_has_it_locked(bench: Bench) -> None:
    first, second = Program(bench), Program(bench)
    card = bench.readers._readers[READER][0]
    first.sign()
    bench.readers.plug(READER, card)
    assert is_right(second.sign()), "the card cannot be locked for the second one, but is found anew"


def test_it_is_exchanged_while_the_person_is_asked(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    program = Program(bench, flags=0)
    card = bench.readers._readers[READER][0]
    ask = bench.dialog.ask

    def slowly(request: PinRequest) -> Answer | None:
        if not bench.dialog.requests:
            bench.readers.plug(READER, card)
        return ask(request)

    monkeypatch.setattr(bench.dialog, "ask", slowly)
    bench.dialog.expect(PIN, PIN)
    assert is_right(program.sign())
    assert len(bench.dialog.requests) == 2, "a PIN goes to the card for which it was asked, or nowhere"


class Unnumbered(TransportWrapper):
    """A card that tells no serial number, or one that nobody has written."""

    def __init__(self, inner: Transport, serial: str) -> None:
        super().__init__(inner)
        self._serial = bytes.fromhex(serial)

    def transmit(self, command: bytes, mask: Mask = OPEN) -> bytes:
        """Answer the question for the number, hand on the others."""
        if command.endswith(CHUID + b"\0"):
            return b"\x6a\x82"
        return self._serial if command[1] == 0xF8 else super().transmit(command, mask)


@pytest.mark.parametrize("serial", ["6D00", "000000009000"])
@pytest.mark.parametrize("named", [False, True])
def test_no_pin_goes_to_another_card_without_a_serial_number(serial: str, named: bool) -> None:
    """Neither one that was kept, nor one that the program set for a container of the card before."""
    bench = Bench()
    bench.readers.around = lambda transport: Unnumbered(transport, serial)
    bench.readers.plug(READER, piv_card())
    program = Program(bench, flags=SILENT if named else 0)
    bench.dialog.expect(PIN)
    assert is_right(program.sign())
    bench.readers.plug(READER, piv_card((), pin_tries=2))
    program.client.CPAcquireContext(f"\\\\.\\{READER}\\", 0)
    with refused(Code.SCARD_W_REMOVED_CARD):
        program.sign()
    bench.readers.plug(READER, piv_card(pin_tries=2))
    again = program.client.CPAcquireContext(f"\\\\.\\{READER}\\", SILENT)
    handle = program.client.CPCreateHash(again, Alg.CALG_SHA_256, 0, 0)
    with refused(Code.NTE_SILENT_CONTEXT):
        program.client.CPSignHash(again, handle, AT_KEYEXCHANGE, None, 0, 256)
    [token] = bench.provider.pool.opened()
    assert (token.card.pin_status().tries_left, token.card.pin_status().verified) == (2, False)


def test_a_pin_that_the_card_has_not_seen_is_not_kept(bench: Bench) -> None:
    """The card is unlocked, so that nothing is verified: what the program says then is not what the card took."""
    program = Program(bench)
    program.sign()
    program.client.CPSetProvParam(program.context, SetPp.PP_KEYEXCHANGE_PIN, WRONG.encode(), 0)
    program.sign()
    program.client.CPSetProvParam(program.context, SetPp.PP_KEYEXCHANGE_PIN, None, 0)
    [token] = bench.provider.pool.opened()
    token.let_go(program.client.owner)
    assert is_right(program.sign())
    token.let_go(program.client.owner)
    assert token.card.pin_status().tries_left == 3
