"""Readers with a keypad: the PIN never reaches the agent, and still serves one process only."""

from __future__ import annotations

import pytest

from cardcore.transport.base import Transport
from csp_frontend.configuration import CachePolicy, Configuration, TokenPolicy
from csp_frontend.constants import AT_KEYEXCHANGE, AT_SIGNATURE, Code, Flag, Nx, Pp, TokenFlag
from csp_frontend.prompts import PinRequest, TerminalDialog
from csp_frontend.provider import ClientSession
from tests.frontend.bench import PIN, SILENT, WRONG, Bench, keep_admin_key, piv_card
from tests.frontend.refusals import refused
from tests.frontend.test_pins import nx, sign, sign_in
from tests.unit.pinpad.padtransport import DIRECT, PadTransport

READER = "\\\\.\\Keypad\\"
CANCELLED, TIMEOUT = bytes.fromhex("6401"), bytes.fromhex("6400")


class Keypad:
    """What the person does at the reader: PINs, or status words of entries that ended without one."""

    def __init__(self) -> None:
        self.entries: list[str | bytes] = []
        self.count = 0

    def around(self, inner: Transport) -> Transport:
        """A reader with this keypad."""

        def entered(_data: bytes) -> bytes:
            self.count += 1
            entry = self.entries.pop(0)
            if isinstance(entry, bytes):
                return entry
            return inner.transmit(bytes.fromhex("0020008008") + entry.encode().ljust(8, b"\xff"))

        return PadTransport(inner, DIRECT, dict.fromkeys(DIRECT, entered))


@pytest.fixture
def keypad() -> Keypad:
    return Keypad()


def bench_with(keypad: Keypad, cache: CachePolicy = CachePolicy.NORMAL) -> Bench:
    bench = Bench(Configuration(pins=TokenPolicy(cache=cache)))
    bench.readers.around = keypad.around
    bench.readers.plug("Keypad", piv_card(("9a", "9c"), pin_tries=5))
    return bench


def test_the_context_tells_of_the_keypad(keypad: Keypad) -> None:
    client = bench_with(keypad).client()
    context = client.CPAcquireContext(READER, 0)
    flags = client.CPGetProvParam(context, Pp.PP_NX_CONTEXT_FLAGS, 4, 0).data
    assert flags is not None
    assert flags[0] & TokenFlag.NX_FLAG_HAS_PROTECTED_AUTH_PATH


def test_the_person_enters_the_pin_once_per_process(keypad: Keypad) -> None:
    bench = bench_with(keypad)
    keypad.entries = [PIN, PIN, PIN]
    ours, other = bench.client("browser"), bench.client("mail")
    for client, entries in ((ours, 1), (ours, 1), (other, 2), (ours, 3)):
        sign(client, READER)
        assert keypad.count == entries
    assert [request.client for request in bench.dialog.requests] == ["browser", "mail", "browser"]
    assert ours.owner.names() == []
    with refused(Code.NTE_SILENT_CONTEXT):
        sign(other, READER, SILENT)


@pytest.mark.parametrize("cache", [CachePolicy.TIMED, CachePolicy.NONE, CachePolicy.ALWAYS_PROMPT])
def test_where_nothing_is_kept_it_is_entered_each_time(keypad: Keypad, cache: CachePolicy) -> None:
    client = bench_with(keypad, cache).client()
    keypad.entries = [PIN, PIN]
    for _ in range(2):
        sign(client, READER)
    assert keypad.count == 2


def test_keys_that_want_it_always(keypad: Keypad) -> None:
    client = bench_with(keypad).client()
    keypad.entries = [PIN, PIN]
    for _ in range(2):
        sign(client, READER + "0x9c", key_spec=AT_SIGNATURE)
    assert keypad.count == 2


def test_a_wrong_entry_is_repeated_by_the_person(keypad: Keypad) -> None:
    bench = bench_with(keypad)
    keypad.entries = [WRONG, PIN]
    sign(bench.client(), READER)
    assert [request.again for request in bench.dialog.requests] == [False, True]


@pytest.mark.parametrize(
    ("entry", "code"), [(CANCELLED, Code.SCARD_W_CANCELLED_BY_USER), (TIMEOUT, Code.SCARD_E_TIMEOUT)]
)
def test_entries_that_end_without_a_pin(keypad: Keypad, entry: bytes, code: Code) -> None:
    client = bench_with(keypad).client()
    keypad.entries = [entry]
    context = client.CPAcquireContext(READER, 0)
    with refused(code):
        sign_in(client, context)
    assert nx(client, context) == Nx.ERROR_NX_UNDEFINED


def test_an_admin_key_that_the_card_keeps(keypad: Keypad) -> None:
    bench = Bench()
    card = piv_card()
    keep_admin_key(card)
    bench.readers.around = keypad.around
    bench.readers.plug("Keypad", card)
    keypad.entries = [PIN]
    client = bench.client()
    context = client.CPAcquireContext(READER, 0x8)
    client.CPGenKey(context, AT_SIGNATURE, Flag.CRYPT_USER_PROTECTED | 1024 << 16)
    assert keypad.count == 1


def test_a_program_may_still_set_the_pin(keypad: Keypad) -> None:
    client = bench_with(keypad).client()
    sign(client, READER, SILENT, pin=PIN)
    assert keypad.count == 0


def test_a_card_that_was_reset_meanwhile_is_unlocked_again(keypad: Keypad) -> None:
    bench = bench_with(keypad)
    client: ClientSession = bench.client()
    keypad.entries = [PIN, PIN]
    context = client.CPAcquireContext(READER, 0)
    sign_in(client, context, AT_KEYEXCHANGE)
    [token] = bench.provider.pool.opened()
    token.card.lock()  # by its own way: the provider is not told
    sign_in(client, context, AT_KEYEXCHANGE)
    assert keypad.count == 2


def test_the_terminal_says_what_to_do_at_the_reader(capsys: pytest.CaptureFixture[str]) -> None:
    TerminalDialog().tell(PinRequest(), "Enter the PIN on the reader", 30)
    assert capsys.readouterr().err == "Enter the PIN on the reader (30 s)\n"
