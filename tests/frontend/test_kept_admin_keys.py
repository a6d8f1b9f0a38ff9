"""Admin keys that cards keep behind their PIN: where they stand among the sources of an admin key."""

from __future__ import annotations

from csp_frontend.constants import AT_SIGNATURE, Code, Flag, SetPp
from csp_frontend.prompts import Wanted
from csp_frontend.provider import ClientSession
from tests.frontend.bench import ADMIN_TEXT, PIN, SILENT, Bench, keep_admin_key, piv_card
from tests.frontend.refusals import refused

CARD = "\\\\.\\soft:alice\\"


def new_pair(client: ClientSession, flags: int = 0, *, pin: str = "", admin: str = "") -> None:
    """Make a key pair in a new container on the card."""
    context = client.CPAcquireContext(CARD, 0x8 | flags)
    for parameter, secret in ((SetPp.PP_SIGNATURE_PIN, pin), (SetPp.PP_ADMIN_PIN, admin)):
        if secret:
            client.CPSetProvParam(context, parameter, secret.encode(), 0)
    client.CPGenKey(context, AT_SIGNATURE, Flag.CRYPT_USER_PROTECTED | 1024 << 16)


def test_an_admin_key_that_the_card_keeps_takes_the_pin_only() -> None:
    card = piv_card()
    keep_admin_key(card)
    bench = Bench(soft_alice=card)
    bench.dialog.expect(PIN)
    new_pair(bench.client())
    assert [request.wanted for request in bench.dialog.requests] == [Wanted.PIN]
    [token] = bench.provider.pool.opened()
    assert not token.card.pin_status().verified


def test_a_kept_admin_key_and_a_program_that_may_not_ask() -> None:
    card = piv_card()
    keep_admin_key(card)
    bench = Bench(soft_alice=card)
    with refused(Code.NTE_SILENT_CONTEXT):
        new_pair(bench.client(), SILENT)
    new_pair(bench.client(), SILENT, pin=PIN)
    assert bench.dialog.requests == []


def test_what_the_program_says_of_the_admin_key_comes_before_what_the_card_keeps() -> None:
    card = piv_card()
    keep_admin_key(card)
    bench = Bench(soft_alice=card)
    with refused(Code.NTE_PERM):
        new_pair(bench.client(), SILENT, admin="00" * 24)
    new_pair(bench.client(), SILENT, admin=ADMIN_TEXT)


def test_a_card_that_keeps_another_key_than_it_has() -> None:
    card = piv_card()
    keep_admin_key(card)
    bench = Bench(soft_alice=card)
    with bench.readers.open("soft:alice") as changed:
        changed.authenticate_admin(bytes.fromhex(ADMIN_TEXT))
        changed.write("printed", bytes.fromhex("881A8918") + bytes(24))
    bench.dialog.expect(PIN)
    with refused(Code.NTE_PERM):
        new_pair(bench.client())


def test_a_card_that_keeps_no_admin_key_has_the_person_asked_for_it() -> None:
    card = piv_card()
    keep_admin_key(card, flags="8003810101")
    bench = Bench(soft_alice=card)
    bench.dialog.expect(ADMIN_TEXT)
    new_pair(bench.client())
    assert [request.wanted for request in bench.dialog.requests] == [Wanted.ADMIN]
