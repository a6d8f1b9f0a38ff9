"""init and reset, and the software cards they are tried on."""

from __future__ import annotations

import io
import json
import socket
import threading

import pytest

from cardcore import resetting
from cardcore.cli import soft
from cardcore.errors import NotSupported, StatusError
from cardcore.opening import open_card
from cardcore.softcard import vpcd
from cardcore.transport.faults import FaultKind, FaultPlan, FaultTransport
from tests.unit.cli.shell import ADMIN, CARD, PIN, PUK, Shell, Terminal
from tests.unit.cli.test_documents import assert_documented

ADMIN_OPTION = ("--admin", "env:ADMIN")
FAILED, USAGE = 1, 2
FRESH = (("pin", "verify", "--pin", "env:PIN"), ("admin", "verify", *ADMIN_OPTION))


def test_init_makes_a_blank_card_usable_once(shell: Shell) -> None:
    shell.create("blank", blank=True)
    card = ("--reader", "soft:blank")
    assert shell(*card, "object", "read", "chuid", "--decode").status == 1
    assert shell(*card, "init").status == 2
    assert shell(*card, "init", *ADMIN_OPTION).status == 0
    assert "35" in shell(*card, "object", "read", "chuid", "--decode").out
    again = shell(*card, "--json", "init", *ADMIN_OPTION)
    assert (again.status, again.error["code"]) == (1, "input")
    assert "chuid" in again.error["message"]


def test_init_refuses_what_the_family_has_no_room_for(shell: Shell) -> None:
    shell.create("blank", blank=True)
    for more in (("--label", "Alice"), ("--pin", "env:PIN"), ("--puk", "env:PUK")):
        assert shell("--reader", "soft:blank", "init", *ADMIN_OPTION, *more).status == 1


@pytest.mark.parametrize(
    ("label", "status"), [("Al\udcff", USAGE), ("Al\nice", USAGE), ("\x1b[31mAlice", USAGE), (" ", FAILED)]
)
def test_a_label_is_text_on_one_line(shell: Shell, label: str, status: int) -> None:
    """Bytes that are no UTF-8 come from the command line as surrogates."""
    shell.store.create("blank", "isoapplet", blank=True)
    line = ("--reader", "soft:blank", "init", "--pin", "env:PIN", "--puk", "env:LONG_PUK", "--label")
    shell.monkeypatch.setenv("LONG_PUK", "0123456789abcdef")
    ended = shell("--json", *line, label)
    assert ended.status == status
    assert "label" in ended.error["message"]
    assert shell(*line, "Alice").status == 0


def test_reset_names_what_is_lost_and_wants_the_serial(shell: Shell) -> None:
    shell.generate("9a", "ecp256")
    shell.ok("cert", "self-sign", "9a", "--subject", "CN=A", "--pin", "env:PIN", *ADMIN_OPTION)
    shell.ok("pin", "change", "--pin", "env:PIN", "--new-pin", "env:NEW")
    serial = shell.document("info")["serial"]
    refused = shell.card("reset")
    assert refused.status == 2
    assert "key 9a (ecp256)" in refused.err
    assert "certificate 9a (CN=A)" in refused.err
    assert f"--yes-destroy {serial}" in refused.err
    assert shell.card("reset", "--yes-destroy", "1").status == 1
    assert len(shell.document("key", "list")["keys"]) == 1
    lost = shell.document("reset", "--yes-destroy", serial)["lost"]
    assert lost == ["key 9a (ecp256)", "certificate 9a (CN=A)"]
    assert shell.document("key", "list")["keys"] == []
    for line in FRESH:
        shell.ok(*line)
    shell.ok("init", *ADMIN_OPTION)


def test_reset_asks_on_a_terminal(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    serial = shell.document("info")["serial"]
    monkeypatch.setattr(io, "TextIOWrapper", Terminal)
    assert shell.card("reset", stdin=b"1234\n").status == 1
    assert shell.card("reset", stdin=f"{serial}\n".encode()).status == 0


def test_pins_are_spoilt_only_where_the_card_refuses_for_their_sake(shell: Shell) -> None:
    for sw, kind in ((0x6D00, NotSupported), (0x6985, None), (0x6581, StatusError)):
        with open_card(f"soft:{CARD}") as card:
            transport = card._session.channel.transport
            plan = FaultPlan(kind=FaultKind.STATUS, sw=sw)
            card._session.channel.transport = FaultTransport(transport, plan)
            if kind is None:
                resetting.factory_reset(card)
                continue
            with pytest.raises(kind):
                resetting.factory_reset(card)
        assert shell.document("pin", "status")["pins"][0]["tries_left"] == 3
    for line in FRESH:
        shell.ok(*line)


def test_a_profile_without_reset(shell: Shell) -> None:
    ended = shell.card("--profile", "iso7816", "--json", "reset")
    assert (ended.status, ended.error["code"]) == (6, "unknown-card")


# Software cards


def test_create_prints_the_published_secrets(shell: Shell) -> None:
    people = shell("soft", "create", "bob", "--application", "piv")
    assert people.status == 0
    for text in (PIN, PUK, ADMIN, "cardcore --reader soft:bob"):
        assert text in people.out
    assert {card["name"] for card in shell.document("soft", "list")["cards"]} == {"alice", "bob"}
    assert "bob" in shell("soft", "list").out
    again = shell("--json", "soft", "create", "bob", "--application", "piv")
    assert (again.status, again.error["code"]) == (1, "input")
    assert shell("soft", "delete", "bob").status == 0
    assert shell("soft", "delete", "bob").status == 3


def test_create_with_secrets_of_ones_own(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", "00112233445566778899aabbccddeeff" * 2)
    own = ("--pin", "env:NEW", "--puk", "env:WRONG", "--admin", "env:KEY")
    monkeypatch.setenv("WRONG", "abcdefgh")
    ended = shell("soft", "create", "bob", "--application", "piv", *own)
    assert ended.status == 0
    for secret in ("87654321", "abcdefgh", "00112233"):
        assert secret not in ended.out + ended.err
    for line in (("pin", "verify", "--pin", "env:NEW"), ("admin", "verify", "--admin", "env:KEY")):
        assert shell("--reader", "soft:bob", *line).status == 0
    document = shell("--json", "soft", "create", "eve", "--application", "piv", "--pin", "env:NEW").json
    assert document["secrets"] == {"pin": None, "puk": PUK, "admin": ADMIN}
    monkeypatch.setenv("KEY", "xyz")
    ended = shell("soft", "create", "max", "--application", "piv", "--admin", "env:KEY")
    assert ended.status == 1
    assert "xyz" not in ended.err


def test_create_knows_the_applications(shell: Shell) -> None:
    ended = shell("soft", "create", "bob", "--application", "nothing")
    assert ended.status == 2
    assert "choose one of piv" in ended.err
    assert "--application piv" in shell("soft", "create", "--help").out
    assert shell("soft", "create", "a/b", "--application", "piv").status == 1


def test_secrets_are_shown_as_they_are_typed() -> None:
    assert soft._text(None) is None
    assert soft._text(b"12345678") == "12345678"
    assert soft._text(bytes(24)) == "00" * 24


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_attach_serves_the_card_until_interrupted(shell: Shell, form: tuple[str, ...]) -> None:
    """The test plays vpcd: asks for the ATR, selects, and hangs up; then Ctrl-C."""
    replies: list[bytes] = []
    finished = threading.Event()
    join = threading.Thread.join

    def join_or_interrupt(thread: threading.Thread, timeout: float | None = None) -> None:
        join(thread, timeout)
        if thread.name == "card" and finished.is_set():
            finished.clear()
            raise KeyboardInterrupt

    with socket.create_server(("127.0.0.1", 0)) as server:
        driver = threading.Thread(target=_play_driver, args=(server, replies, finished))
        driver.start()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(threading.Thread, "join", join_or_interrupt)
            port = str(server.getsockname()[1])
            ended = shell(*form, "soft", "attach", "alice", "--host", "127.0.0.1", "--port", port)
        driver.join(5)
    assert ended.status == 130
    assert replies[0].startswith(b"\x3b")
    assert replies[1].endswith(b"\x90\x00")
    if form:
        assert_documented("soft attach", json.loads(ended.out))
    else:
        assert "soft:alice is in the reader" in ended.out


def _play_driver(server: socket.socket, replies: list[bytes], finished: threading.Event) -> None:
    connection, _ = server.accept()
    with connection:
        for message in (b"\x04", bytes.fromhex("00A4040005A000000308")):
            connection.sendall(len(message).to_bytes(2) + message)
            size = int.from_bytes(connection.recv(2, socket.MSG_WAITALL))
            replies.append(connection.recv(size, socket.MSG_WAITALL))
        finished.set()
        connection.recv(1)


def test_attach_says_what_it_waits_for(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, inserted: threading.Event, **__: object) -> None:
        assert not inserted.wait(0.3)

    monkeypatch.setattr("cardcore.softcard.serve", never)
    monkeypatch.setattr(soft, "_PATIENCE", 0.0)
    ended = shell("soft", "attach", "alice", "--port", "1")
    assert (ended.status, ended.err.count("waiting for vpcd at localhost:1")) == (0, 1)


def test_a_card_to_practise_on_is_no_card_that_can_be_used_yet(shell: Shell) -> None:
    made = shell("soft", "create", "practice", "--application", "larkspur")
    assert "docs/profile-authors.md" in made.out
    assert shell("--reader", "soft:practice", "info").status == 6
    made = shell("soft", "create", "usable", "--application", "piv")
    command = made.out.splitlines()[-1].removeprefix("use it with: cardcore ")
    assert shell(*command.split()).status == 0


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[" * 100_000,
        b'{"format": 1, "applications": [1]}',
        b'{"format": 1, "applications": {}}',
        b'{"format": 1, "applications": {"piv": null}}',
        b'{"format": 1, "applications": {"piv": {}}}',
        b'{"format": 1, "applications": {"nope": {}}}',
    ],
    ids=lambda content: str(content[:48]),
)
def test_a_damaged_card_hides_no_other(shell: Shell, content: bytes) -> None:
    (shell.store.directory / "damaged.json").write_bytes(content)
    ended = shell("--json", "soft", "list")
    assert_documented("soft list", ended.json)
    damage = {card["name"]: card["damage"] for card in ended.json["cards"]}
    assert damage["alice"] is None
    assert damage["damaged"]
    assert damage["damaged"] in shell("soft", "list").out
    opened = shell("--reader", "soft:damaged", "info")
    assert opened.status != 0
    assert "unexpected" not in opened.err
    assert shell("soft", "delete", "damaged").status == 0


def test_attach_without_a_card_or_driver(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    assert shell("soft", "attach", "bob").status == 3
    monkeypatch.setattr("cardcore.softcard.serve", lambda *_, **__: None)
    assert shell("soft", "attach", "alice").status == 0
    assert soft.DEFAULT_PORT == vpcd.DEFAULT_PORT
