"""PINs: never across processes, never sent twice when wrong, never the last try without the person."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from cardcore import Secret
from csp_frontend.configuration import CachePolicy, Configuration, TokenPolicy, TokenRule
from csp_frontend.constants import AT_KEYEXCHANGE, AT_SIGNATURE, Alg, Code, Flag, Nx, Pp, SetPp
from csp_frontend.prompts import PinRequest, TerminalDialog, Wanted, question
from csp_frontend.provider import ClientSession
from tests.frontend.bench import ADMIN_TEXT, PIN, SILENT, WRONG, Bench, piv_card
from tests.frontend.refusals import refused

CARD = "\\\\.\\soft:alice\\"


def bench_with(cache: CachePolicy = CachePolicy.NORMAL, seconds: int = 60, tries: int = 3) -> Bench:
    configuration = Configuration(pins=TokenPolicy(cache=cache, cache_seconds=seconds))
    return Bench(configuration, soft_alice=piv_card(("9a", "9c"), pin_tries=tries))


def sign(
    client: ClientSession, name: str = CARD, flags: int = 0, pin: str = "", key_spec: int = AT_KEYEXCHANGE
) -> bytes:
    """One signature in a context of its own."""
    context = client.CPAcquireContext(name, flags)
    try:
        if pin:
            client.CPSetProvParam(context, SetPp.PP_KEYEXCHANGE_PIN, pin.encode() + b"\0", 0)
        return sign_in(client, context, key_spec)
    finally:
        client.CPReleaseContext(context, 0)


def sign_in(client: ClientSession, context: int, key_spec: int = AT_KEYEXCHANGE) -> bytes:
    handle = client.CPCreateHash(context, Alg.CALG_SHA_256, 0, 0)
    found = client.CPSignHash(context, handle, key_spec, None, 0, 256).data
    assert found is not None
    return found


def verified(bench: Bench) -> bool:
    """Whether the card would do what needs the PIN."""
    [token] = bench.provider.pool.opened()
    return token.card.pin_status().verified


def nx(client: ClientSession, context: int) -> int:
    found = client.CPGetProvParam(context, Pp.PP_NX_LAST_ERROR, 4, 0).data
    assert found is not None
    return int.from_bytes(found, "little")


def test_a_person_is_asked_once_per_process() -> None:
    bench = bench_with()
    bench.dialog.expect(PIN, PIN)
    client = bench.client("browser")
    assert sign(client) == sign(client)
    [request] = bench.dialog.requests
    assert (request.wanted, request.label, request.reader, request.client) == (
        Wanted.PIN,
        "PIN",
        "soft:alice",
        "browser",
    )
    assert (request.tries_left, request.again, request.last_try) == (3, False, False)
    sign(bench.client("mail"))
    assert [request.client for request in bench.dialog.requests] == ["browser", "mail"]


def test_a_pin_of_one_process_never_serves_another() -> None:
    bench = bench_with()
    bench.dialog.expect(PIN)
    ours, other = bench.client(), bench.client()
    sign(ours)
    with refused(Code.NTE_SILENT_CONTEXT):
        sign(other, flags=SILENT)
    with refused(Code.SCARD_W_CANCELLED_BY_USER):
        sign(other)
    sign(ours, flags=SILENT)


def test_the_card_is_locked_when_another_process_comes_and_when_one_goes() -> None:
    bench = bench_with()
    bench.dialog.expect(PIN, PIN)
    ours, other = bench.client(), bench.client()
    sign(ours)
    [token] = bench.provider.pool.opened()
    assert verified(bench)
    sign(other)
    assert token.holder is other.owner
    ours.close()
    assert verified(bench), "the other one still uses it"
    other.close()
    assert not verified(bench)
    other.close()


def test_a_pin_that_a_program_set() -> None:
    bench = bench_with()
    client = bench.client()
    sign(client, flags=SILENT, pin=PIN)
    sign(client, flags=SILENT)
    assert bench.dialog.requests == []
    with refused(Code.NTE_SILENT_CONTEXT):
        sign(bench.client(), flags=SILENT)


@pytest.mark.parametrize("parameter", [SetPp.PP_KEYEXCHANGE_PIN, SetPp.PP_SIGNATURE_PIN])
def test_either_parameter_sets_the_pin_and_null_takes_it_back(parameter: SetPp) -> None:
    bench = bench_with(CachePolicy.NONE)
    client = bench.client()
    context = client.CPAcquireContext(CARD, SILENT)
    client.CPSetProvParam(context, parameter, PIN.encode(), 0)
    sign_in(client, context)
    client.CPSetProvParam(context, parameter, None, 0)
    with refused(Code.NTE_SILENT_CONTEXT):
        sign_in(client, context)
    with refused(Code.ERROR_INVALID_PARAMETER):
        client.CPSetProvParam(context, parameter, b"1" * 257, 0)


def test_a_wrong_pin_of_a_program_is_told_and_not_sent_again() -> None:
    bench = bench_with(tries=5)
    client = bench.client()
    context = client.CPAcquireContext(CARD, 0)
    client.CPSetProvParam(context, SetPp.PP_KEYEXCHANGE_PIN, WRONG.encode(), 0)
    with refused(Code.NTE_FAIL):
        sign_in(client, context)
    handle = client.CPCreateHash(context, Alg.CALG_SHA1, 0, 0)
    assert nx(client, context) == Nx.ERROR_NX_UNDEFINED
    client.CPSetProvParam(context, SetPp.PP_KEYEXCHANGE_PIN, WRONG.encode(), 0)
    with refused(Code.NTE_FAIL):
        client.CPSignHash(context, handle, AT_KEYEXCHANGE, None, 0, 256)
    assert nx(client, context) == nx(client, context) == Nx.ERROR_NX_PIN_INCORRECT
    [token] = bench.provider.pool.opened()
    assert token.card.pin_status().tries_left == 3
    bench.dialog.expect(None)
    with refused(Code.SCARD_W_CANCELLED_BY_USER):
        client.CPSignHash(context, handle, AT_KEYEXCHANGE, None, 0, 256)
    assert token.card.pin_status().tries_left == 3


def test_a_pin_that_no_card_has_is_wrong_without_being_sent() -> None:
    bench = bench_with()
    client = bench.client()
    with refused(Code.NTE_FAIL):
        sign(client, pin="12")
    bench.dialog.expect("12", PIN)
    sign(client)
    assert [request.tries_left for request in bench.dialog.requests] == [3, 3]


def test_a_person_may_try_again_and_is_warned_of_the_last_try() -> None:
    bench = bench_with()
    bench.dialog.expect(WRONG, WRONG, PIN)
    sign(bench.client())
    told = [(request.tries_left, request.again, request.last_try) for request in bench.dialog.requests]
    assert told == [(3, False, False), (2, True, False), (1, True, True)]


def test_the_last_try_is_never_a_programs() -> None:
    bench = bench_with()
    bench.dialog.expect(WRONG, WRONG, None)
    client = bench.client()
    with refused(Code.SCARD_W_CANCELLED_BY_USER):
        sign(client)
    with refused(Code.NTE_SILENT_CONTEXT):
        sign(client, flags=SILENT, pin=PIN)
    [token] = bench.provider.pool.opened()
    assert token.card.pin_status().tries_left == 1
    bench.dialog.expect(PIN)
    sign(client, pin=WRONG)
    assert bench.dialog.requests[-1].last_try


def test_a_pin_that_was_changed_elsewhere_is_dropped_after_one_refusal() -> None:
    bench = bench_with()
    bench.dialog.expect(PIN)
    client = bench.client()
    sign(client)
    [token] = bench.provider.pool.opened()
    token.card.change_pin(PIN, "654321")
    token.let_go(client.owner)
    context = client.CPAcquireContext(CARD, SILENT)
    handle = client.CPCreateHash(context, Alg.CALG_SHA1, 0, 0)
    with refused(Code.NTE_FAIL):
        client.CPSignHash(context, handle, AT_KEYEXCHANGE, None, 0, 256)
    assert nx(client, context) == Nx.ERROR_NX_PIN_INCORRECT
    for _ in range(3):
        with refused(Code.NTE_SILENT_CONTEXT):
            client.CPSignHash(context, handle, AT_KEYEXCHANGE, None, 0, 256)
    assert token.card.pin_status().tries_left == 2
    bench.dialog.expect("654321")
    sign(client)


def test_a_blocked_pin() -> None:
    bench = bench_with()
    bench.dialog.expect(WRONG, WRONG, WRONG)
    client = bench.client()
    context = client.CPAcquireContext(CARD, 0)
    handle = client.CPCreateHash(context, Alg.CALG_SHA1, 0, 0)
    for _ in range(2):
        with refused(Code.NTE_FAIL):
            client.CPSignHash(context, handle, AT_KEYEXCHANGE, None, 0, 256)
        assert nx(client, context) == Nx.ERROR_NX_PIN_BLOCKED
    assert len(bench.dialog.requests) == 3
    client.CPSetProvParam(context, SetPp.PP_KEYEXCHANGE_PIN, PIN.encode(), 0)
    with refused(Code.NTE_FAIL):
        client.CPSignHash(context, handle, AT_KEYEXCHANGE, None, 0, 256)
    assert nx(client, context) == Nx.ERROR_NX_PIN_BLOCKED


def test_keys_that_want_their_pin_always_ask_each_time() -> None:
    bench = bench_with()
    bench.dialog.expect(PIN, PIN, PIN)
    client = bench.client()
    sign(client)
    for _ in range(2):
        sign(client, rf"{CARD}0x9c", key_spec=AT_SIGNATURE)
    assert len(bench.dialog.requests) == 3
    with refused(Code.NTE_SILENT_CONTEXT):
        sign(client, rf"{CARD}0x9c", SILENT, key_spec=AT_SIGNATURE)


def test_timed() -> None:
    bench = bench_with(CachePolicy.TIMED, seconds=60)
    bench.dialog.expect(PIN, PIN)
    client = bench.client()
    for pause in (0, 59, 59):
        bench.now += pause
        sign(client)
    assert len(bench.dialog.requests) == 1
    bench.now += 61
    sign(client)
    assert len(bench.dialog.requests) == 2


def test_none_keeps_nothing_and_locks_the_card() -> None:
    bench = bench_with(CachePolicy.NONE)
    bench.dialog.expect(PIN, PIN)
    client = bench.client()
    sign(client)
    assert not verified(bench)
    sign(client)
    assert len(bench.dialog.requests) == 2
    assert client.owner.names() == []


def test_always_prompt_uses_a_programs_pin_once() -> None:
    bench = bench_with(CachePolicy.ALWAYS_PROMPT)
    client = bench.client()
    context = client.CPAcquireContext(CARD, SILENT)
    client.CPSetProvParam(context, SetPp.PP_KEYEXCHANGE_PIN, PIN.encode(), 0)
    sign_in(client, context)
    with refused(Code.NTE_SILENT_CONTEXT):
        sign_in(client, context)


def test_a_token_has_its_own_policy() -> None:
    rules = (TokenRule(reader="soft:alice", cache=CachePolicy.NONE),)
    bench = Bench(Configuration(tokens=rules), soft_alice=piv_card(), soft_bob=piv_card())
    bench.dialog.expect(*[PIN] * 3)
    client = bench.client()
    for name in (CARD, CARD, "\\\\.\\soft:bob\\", "\\\\.\\soft:bob\\"):
        sign(client, name)
    assert [request.reader for request in bench.dialog.requests] == ["soft:alice", "soft:alice", "soft:bob"]


def test_nothing_is_held_while_the_person_thinks() -> None:
    """Another process uses the same card meanwhile."""
    bench = bench_with()
    other_signed = threading.Event()

    class SlowPerson:
        def ask(self, request: PinRequest) -> Secret | None:
            other = bench.client("other")

            def sign_meanwhile() -> None:
                sign(other, flags=SILENT, pin=PIN)
                other_signed.set()

            thread = threading.Thread(target=sign_meanwhile)
            thread.start()
            assert other_signed.wait(20)
            thread.join()
            return Secret(PIN.encode())

    bench.provider.keeper._person._dialog = SlowPerson()
    sign(bench.client())
    assert other_signed.is_set()


def test_errors_are_each_threads_own() -> None:
    bench = bench_with()
    client = bench.client()
    context = client.CPAcquireContext(CARD, 0)
    client.CPSetProvParam(context, SetPp.PP_KEYEXCHANGE_PIN, WRONG.encode(), 0)
    handle = client.CPCreateHash(context, Alg.CALG_SHA1, 0, 0)
    with refused(Code.NTE_FAIL):
        client.call("CPSignHash", (context, handle, AT_KEYEXCHANGE, None, 0, 256), thread=7)
    wanted = ("CPGetProvParam", (context, Pp.PP_NX_LAST_ERROR, 4, 0))
    for thread, told in ((8, Nx.ERROR_NX_UNDEFINED), (7, Nx.ERROR_NX_PIN_INCORRECT), (7, Nx.ERROR_NX_PIN_INCORRECT)):
        answer = client.call(*wanted, thread=thread)
        assert getattr(answer, "data", None) == told.to_bytes(4, "little")
    assert nx(client, context) == Nx.ERROR_NX_UNDEFINED
    client.call("CPDestroyHash", (context, handle), thread=7)
    assert getattr(client.call(*wanted, thread=7), "data", None) == Nx.ERROR_NX_UNDEFINED.to_bytes(4, "little")
    with refused(Code.NTE_BAD_UID):
        client.CPGetProvParam(0, Pp.PP_NX_LAST_ERROR, 4, 0)
    with refused(Code.NTE_BAD_FLAGS):
        client.CPGetProvParam(context, Pp.PP_NX_LAST_ERROR, 4, 1)


def test_the_admin_key_comes_from_program_configuration_or_person(tmp_path: Path) -> None:
    (tmp_path / "admin").write_text(ADMIN_TEXT + "\n")
    rules = (
        TokenRule(reader="soft:bob", admin_key=f"file:{tmp_path / 'admin'}"),
        TokenRule(reader="soft:carol", admin_key="file:/nowhere/at/all"),
    )
    bench = Bench(Configuration(tokens=rules), soft_alice=piv_card(), soft_bob=piv_card(), soft_carol=piv_card())
    client = bench.client()
    key = Flag.CRYPT_USER_PROTECTED | 1024 << 16

    def generate(reader: str, flags: int, admin: str = "") -> None:
        context = client.CPAcquireContext(f"\\\\.\\{reader}\\", 0x8 | flags)
        if admin:
            client.CPSetProvParam(context, SetPp.PP_ADMIN_PIN, admin.encode(), 0)
        client.CPGenKey(context, AT_SIGNATURE, key)

    with refused(Code.NTE_PERM):
        generate("soft:alice", SILENT)
    with refused(Code.NTE_PERM):
        generate("soft:carol", SILENT)
    for wrong in ("00" * 24, "not even hexadecimal"):
        with refused(Code.NTE_PERM):
            generate("soft:alice", SILENT, wrong)
    with refused(Code.SCARD_W_CANCELLED_BY_USER):
        generate("soft:alice", 0)
    generate("soft:bob", SILENT)
    bench.dialog.expect(ADMIN_TEXT)
    generate("soft:alice", 0)
    assert bench.dialog.requests[-1].wanted is Wanted.ADMIN
    generate("soft:carol", SILENT, ADMIN_TEXT)


def test_the_administrators_authority_ends_with_the_work() -> None:
    bench = bench_with()
    client = bench.client()
    context = client.CPAcquireContext("\\\\.\\soft:alice\\", 0x8)
    client.CPSetProvParam(context, SetPp.PP_ADMIN_PIN, ADMIN_TEXT.encode(), 0)
    client.CPGenKey(context, AT_KEYEXCHANGE, Flag.CRYPT_USER_PROTECTED | 1024 << 16)
    with refused(Code.NTE_PERM):
        name = client.CPGetProvParam(context, Pp.PP_CONTAINER, 99, 0).data
        assert name is not None
        client.CPAcquireContext(name.decode().strip("\0"), 0x10 | SILENT)


def test_the_terminal_asks_without_a_window() -> None:
    asked: list[str] = []

    def read(prompt: str) -> str:
        asked.append(prompt)
        return "" if len(asked) > 1 else PIN

    dialog = TerminalDialog(read)
    found = dialog.ask(PinRequest(token="Card 1", client="mail", text="Please."))
    assert found is not None
    assert found.reveal() == PIN.encode()
    assert dialog.ask(PinRequest(reader="soft:a")) is None
    assert asked == ['The program says: "Please." PIN of Card 1 for mail: ', "PIN of soft:a: "]


def test_a_terminal_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    def nobody(prompt: str) -> str:
        raise EOFError

    assert TerminalDialog(nobody).ask(PinRequest(reader="soft:a")) is None
    assert capsys.readouterr().err == "\n"


def test_what_the_terminal_says_of_tries() -> None:
    assert question(PinRequest(reader="r", again=True, tries_left=2)) == "That was wrong. 2 tries are left. PIN of r: "
    assert "last try" in question(PinRequest(reader="r", tries_left=1))
