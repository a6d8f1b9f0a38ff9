"""What is to be in the certificate stores, order by order; the helper here is a list of thumbprints."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from cardcore import Card
from cardcore.opening import open_on
from cardcore.transport.soft import SoftTransport
from csp_frontend import certificates
from csp_frontend.authorities import is_authority, is_root
from csp_frontend.certificates import Action, Busy, CertificateKeeper, Order, Store
from csp_frontend.store_calls import order_values, to_report
from csp_frontend.store_helper import StoreHelper, usual_command
from csp_frontend.tokens import SeenReader, TokenPool
from csp_frontend.wire import Kind, Value, WireError
from tests.frontend.cards import PlayedCard, make
from tests.unit.personalise.authority import authority


class Desk:
    """Readers into which a test puts cards."""

    def __init__(self, *cards: PlayedCard) -> None:
        self.cards = {f"Reader {number}": card for number, card in enumerate(cards)}
        self.present = set(self.cards)

    def seen(self) -> Sequence[SeenReader]:
        return [SeenReader(name=name, present=name in self.present) for name in self.cards]

    def open(self, name: str) -> Card:
        return open_on(SoftTransport(self.cards[name].card, name), self.cards[name].application)


class Stores:
    """The user's stores as a helper sees them: ours, and those of others."""

    def __init__(self, keeper: CertificateKeeper) -> None:
        self._keeper = keeper
        self.ours: dict[Store, dict[bytes, Order]] = {store: {} for store in Store}
        self.theirs: set[bytes] = set()
        self._refused = b""

    def step(self) -> Order:
        order = self._keeper.next(self, [list(self.ours[store]) for store in Store], self._refused)
        self._refused = b""
        if order.action is Action.ADD and order.thumbprint in self.theirs:
            self._refused = order.thumbprint
        elif order.action is Action.ADD:
            self.ours[order.store][order.thumbprint] = order
        elif order.action is Action.REMOVE:
            del self.ours[order.store][order.thumbprint]
        return order

    def settle(self) -> None:
        while self.step().action is not Action.NONE:
            pass


@pytest.fixture(scope="module")
def cards() -> tuple[PlayedCard, PlayedCard]:
    return make("piv"), make("gids")


@pytest.fixture
def desk(cards: tuple[PlayedCard, PlayedCard], monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(certificates, "WAIT_SECONDS", 0.0)
    monkeypatch.setattr(certificates, "_POLL_SECONDS", 0.01)
    return Desk(*cards)


@pytest.fixture
def keeper(desk: Desk) -> Iterator[CertificateKeeper]:
    pool = TokenPool(desk)
    yield CertificateKeeper(pool)
    pool.close()


def expected(*cards: PlayedCard) -> set[bytes]:
    return {certificate.public_bytes(Encoding.DER) for card in cards for certificate in card.certificates.values()}


def test_certificates_come_and_go_with_their_tokens(
    desk: Desk, keeper: CertificateKeeper, cards: tuple[PlayedCard, PlayedCard]
) -> None:
    stores = Stores(keeper)
    stores.settle()
    held = [order.entry for order in stores.ours[Store.MY].values() if order.entry]
    assert {entry.certificate for entry in held} == expected(*cards)
    assert all(entry.container and entry.key_spec in (1, 2) and entry.friendly_name for entry in held)
    desk.present.discard("Reader 1")
    stores.settle()
    assert {one.entry.certificate for one in stores.ours[Store.MY].values() if one.entry} == expected(cards[0])
    desk.present.clear()
    stores.settle()
    assert stores.ours == {Store.MY: {}, Store.CA: {}}


def test_what_is_left_of_a_crash_goes_at_first_contact(desk: Desk, keeper: CertificateKeeper) -> None:
    desk.present.clear()
    order = keeper.next(self_helper := object(), [[b"x" * 20], [b"y" * 20]], b"")
    assert (order.action, order.store, order.thumbprint) == (Action.REMOVE, Store.MY, b"x" * 20)
    order = keeper.next(self_helper, [[], [b"y" * 20]], b"")
    assert (order.action, order.store) == (Action.REMOVE, Store.CA)


def test_what_others_have_is_told_once_and_left_alone(
    desk: Desk, keeper: CertificateKeeper, caplog: pytest.LogCaptureFixture
) -> None:
    stores = Stores(keeper)
    first = next(iter(keeper.wanted())).thumbprint
    stores.theirs.add(first)
    stores.settle()
    assert first not in stores.ours[Store.MY]
    assert caplog.text.count(first.hex()) == 1
    assert keeper.foreign() == [first]
    desk.present.clear()
    stores.settle()
    assert keeper.foreign() == []


def test_what_others_take_away_is_not_put_there_again(
    desk: Desk, keeper: CertificateKeeper, caplog: pytest.LogCaptureFixture
) -> None:
    stores = Stores(keeper)
    stores.settle()
    lost = next(iter(stores.ours[Store.MY]))
    del stores.ours[Store.MY][lost]
    stores.settle()
    assert lost not in stores.ours[Store.MY]
    assert f"{lost.hex()} was taken away" in caplog.text
    desk.present.clear()
    stores.settle()
    desk.present.update(desk.cards)
    stores.settle()
    assert lost in stores.ours[Store.MY]


def test_switched_off(desk: Desk) -> None:
    pool = TokenPool(desk)
    order = CertificateKeeper(pool, on=False).next(object(), [[b"x" * 20], []], b"")
    assert (order.action, order.thumbprint) == (Action.REMOVE, b"x" * 20)
    pool.close()


def test_one_helper_at_a_time(desk: Desk, keeper: CertificateKeeper, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.present.clear()
    one, other = object(), object()
    keeper.next(one, [[], []], b"")
    with pytest.raises(Busy):
        keeper.next(other, [[], []], b"")
    keeper.release(other)
    keeper.release(one)
    assert keeper.next(other, [[], []], b"").action is Action.NONE
    monkeypatch.setattr(certificates, "LEASE_SECONDS", 0.0)
    assert keeper.next(one, [[], []], b"").action is Action.NONE


def test_nobody_waits_when_the_agent_ends(
    desk: Desk, keeper: CertificateKeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.present.clear()
    monkeypatch.setattr(certificates, "WAIT_SECONDS", 600.0)
    waiting = threading.Thread(target=keeper.next, args=(object(), [[], []], b""))
    waiting.start()
    keeper.stop()
    waiting.join(10)
    assert not waiting.is_alive()


def test_authorities_have_a_store_of_their_own(cards: tuple[PlayedCard, PlayedCard]) -> None:
    assert is_authority(authority().certificate.public_bytes(Encoding.DER))
    assert not is_authority(next(iter(expected(cards[0]))))
    assert not is_authority(b"no certificate")
    assert is_root(authority().certificate.public_bytes(Encoding.DER))
    assert not is_root(next(iter(expected(cards[0]))))


@pytest.mark.parametrize(
    "values",
    [
        (),
        (b"", b""),
        (b"x" * 19, b"", b""),
        (b"", b"x" * 21, b""),
        (b"", b"", b"x"),
        (b"x" * 20 * 4097, b"", b""),
    ],
)
def test_reports_that_are_none(values: tuple[bytes, ...]) -> None:
    with pytest.raises(WireError):
        to_report([Value(kind=Kind.BYTES, content=data) for data in values])


def test_a_report_and_an_order_on_the_wire(keeper: CertificateKeeper) -> None:
    told = [Value(kind=Kind.BYTES, content=data) for data in (b"a" * 40, b"", b"b" * 20)]
    assert to_report(told) == ([[b"a" * 20, b"a" * 20], []], b"b" * 20)
    order = Stores(keeper).step()
    assert order.entry is not None
    numbers = [value.content for value in order_values(order)]
    assert numbers[:4] == [1, 0, order.thumbprint, order.entry.certificate]
    with pytest.raises(WireError):
        to_report([Value(kind=Kind.NUMBER, content=1)] * 3)


def test_the_helper_is_started_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("csp_frontend.store_helper.FIRST_PAUSE", 0.01)
    file = tmp_path / "starts"
    helper = StoreHelper([sys.executable, "-c", f"open({str(file)!r}, 'a').write('x')"])
    helper.start()
    deadline = time.monotonic() + 30
    while not file.exists() or len(file.read_text()) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    helper.stop()
    started = len(file.read_text())
    time.sleep(0.2)
    assert len(file.read_text()) == started


def test_a_helper_that_works_ends_with_the_agent() -> None:
    helper = StoreHelper([sys.executable, "-c", "import time; time.sleep(600)"])
    helper.start()
    helper.stop()
    assert usual_command() == ()
    none = StoreHelper(())
    none.start()
    none.stop()


def test_a_helper_that_is_not_there(caplog: pytest.LogCaptureFixture) -> None:
    helper = StoreHelper(["/nonexistent/helper"])
    helper.start()
    deadline = time.monotonic() + 30
    while "cannot be started" not in caplog.text:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    helper.stop()
