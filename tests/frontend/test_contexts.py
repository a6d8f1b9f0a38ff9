"""CPAcquireContext and CPReleaseContext: every form of a container's name, the fall-backs, every flag."""

from __future__ import annotations

import uuid
from hashlib import sha1
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from csp_frontend.callers import ClientInfo
from csp_frontend.configuration import Configuration
from csp_frontend.constants import AT_KEYEXCHANGE, AT_SIGNATURE, Acquire, Alg, Code, Flag, Pp, SetPp
from csp_frontend.names import NameBook, parse, same
from csp_frontend.prompts import ScriptedDialog
from csp_frontend.provider import ClientSession, Provider
from tests.frontend.bench import (
    ADMIN_TEXT,
    BIG,
    DELETEKEYSET,
    MACHINE,
    NEWKEYSET,
    PIN,
    SILENT,
    VERIFY,
    Bench,
    certificate_of,
    names,
    piv_card,
)
from tests.frontend.refusals import refused

PROTECTED = Flag.CRYPT_USER_PROTECTED
OPTIONAL = Acquire.CRYPT_DEFAULT_CONTAINER_OPTIONAL


@pytest.fixture
def bench() -> Bench:
    """Two cards: three key pairs in the first reader, one in the second; then a reader without a card."""
    return Bench(soft_alice=piv_card(("9a", "9c", "9d")), Reader_B=piv_card(("9a",)), Empty=None)


def text(client: ClientSession, context: int, parameter: int) -> str:
    found = client.CPGetProvParam(context, parameter, BIG, 0).data
    assert found is not None
    return found.decode().removesuffix("\0")


def container(client: ClientSession, name: str | None, flags: int = 0) -> str:
    context = client.CPAcquireContext(name, flags)
    found = text(client, context, Pp.PP_CONTAINER)
    client.CPReleaseContext(context, 0)
    return found


def test_names_of_containers(bench: Bench) -> None:
    client = bench.client()
    first, second, third = names(client, client.CPAcquireContext(r"\\.\soft:alice" + "\\", 0))
    assert container(client, "\\\\.\\soft:alice\\") == first
    assert container(client, r"\\.\SOFT:ALICE") == first
    for name in (second, second.upper(), f"{{{second}}}", rf"\\.\soft:alice\{second}"):
        assert container(client, name) == second
    for number in ("0x9C", "0x9c", str(0x9C), "9c"):
        assert container(client, rf"\\.\soft:alice\{number}") == second
    digest = sha1(certificate_of(2).public_bytes(Encoding.DER), usedforsecurity=False)
    for name in (rf"\\.\soft:alice\{third}", "\\\\.\\soft:alice\\0x9d"):
        assert container(client, name) == third
    assert len({first, second, third}) == 3
    assert all(uuid.UUID(name).version == 5 for name in (first, second, third))
    assert len(digest.hexdigest()) == 40


def test_a_container_by_the_sha1_of_its_certificate(bench: Bench) -> None:
    client = bench.client()
    context = client.CPAcquireContext("\\\\.\\soft:alice\\0x9d", 0)
    key = client.CPGetUserKey(context, AT_KEYEXCHANGE)
    der = client.CPGetKeyParam(context, key, 26, BIG, 0).data
    assert der is not None
    digest = sha1(der, usedforsecurity=False).hexdigest()
    for name in (digest, digest.upper(), rf"\\.\soft:alice\{digest}"):
        assert container(client, name) == text(client, context, Pp.PP_CONTAINER)
    with refused(Code.NTE_BAD_KEYSET):
        client.CPAcquireContext(rf"\\.\Reader_B\{digest}", 0)


@pytest.mark.parametrize(
    "name",
    [
        *("\\\\.\\nowhere\\", r"\\.\soft:alice\0x77", r"\\.\soft:alice\119", r"\\.\soft:alice\0xZZ"),
        *(
            "\\\\.\\",
            "\\\\.\\\\",
            "00" * 20,
            "7f0c1c5e-0000-4000-8000-000000000000",
            "nothing of the kind",
            "9c",
            r"\\.\nowhere",
            "x" * 261,
        ),
    ],
)
def test_containers_that_are_not_there(bench: Bench, name: str) -> None:
    with refused(Code.NTE_BAD_KEYSET):
        bench.client().CPAcquireContext(name, 0)


def test_names_are_stable(bench: Bench) -> None:
    before = container(bench.client(), "\\\\.\\soft:alice\\0x9c")
    again = Bench()
    again.readers.plug("soft:renamed", bench.readers._readers["soft:alice"][0])
    assert container(again.client(), "\\\\.\\soft:renamed\\0x9c") == before


def test_no_container_is_the_first_reader_with_a_card() -> None:
    bench = Bench(Empty=None, soft_alice=piv_card(("9a",)), soft_bob=piv_card(("9a",)))
    client = bench.client()
    assert text(client, client.CPAcquireContext(None, 0), Pp.PP_SMARTCARD_READER) == "soft:alice"
    assert text(client, client.CPAcquireContext("", 0), Pp.PP_SMARTCARD_READER) == "soft:alice"


def test_else_the_first_reader_without_one() -> None:
    bench = Bench(Empty=None, Second=None)
    client = bench.client()
    context = client.CPAcquireContext(None, 0)
    assert text(client, context, Pp.PP_SMARTCARD_READER) == "Empty"
    with refused(Code.NTE_NO_KEY):
        client.CPGetUserKey(context, AT_KEYEXCHANGE)
    with refused(Code.SCARD_E_NO_SMARTCARD):
        client.CPGenKey(context, AT_KEYEXCHANGE, PROTECTED)


def test_else_it_is_as_with_verifycontext() -> None:
    client = Bench().client()
    context = client.CPAcquireContext(None, 0)
    assert text(client, context, Pp.PP_CONTAINER) == ""
    with refused(Code.NTE_NO_KEY):
        client.CPGetUserKey(context, AT_SIGNATURE)
    assert client.CPCreateHash(context, Alg.CALG_SHA1, 0, 0)


def test_a_card_that_nobody_knows_is_passed_over() -> None:
    bench = Bench()
    bench.readers.plug("Strange", piv_card(), profile="gids")  # that profile's application is not on it
    client = bench.client()
    assert text(client, client.CPAcquireContext(None, 0), Pp.PP_CONTAINER) == ""
    for _ in range(2):
        with refused(Code.SCARD_E_CARD_UNSUPPORTED):
            client.CPAcquireContext("\\\\.\\Strange\\", 0)
    assert bench.readers.opened == ["Strange"], "a card is not asked again what it has said once"
    bench.readers.plug("soft:alice", piv_card())
    assert text(client, client.CPAcquireContext(None, 0), Pp.PP_SMARTCARD_READER) == "soft:alice"


def test_the_configuration_names_the_default() -> None:
    card = piv_card(("9a", "9c"))
    bench = Bench(Configuration(default_container=r"\\.\soft:bob\0x9c"), soft_alice=piv_card(), soft_bob=card)
    client = bench.client()
    context = client.CPAcquireContext(None, 0)
    assert text(client, context, Pp.PP_UNIQUE_CONTAINER).startswith("\\\\.\\soft:bob\\")
    assert client.CPGetUserKey(context, AT_SIGNATURE)
    bench.readers.unplug("soft:bob")
    with refused(Code.NTE_BAD_KEYSET):
        client.CPAcquireContext(None, 0)


def test_a_default_container_may_be_optional() -> None:
    """For programs that only want the card, as to set its PIN: on an empty card too, or without the configured one."""
    bench = Bench(Configuration(default_container=r"\\.\soft:bob\0x9c"), soft_alice=piv_card(), Empty=None)
    client = bench.client()
    with refused(Code.NTE_BAD_KEYSET):
        client.CPAcquireContext(None, SILENT)
    context = client.CPAcquireContext(None, OPTIONAL | SILENT)
    assert text(client, context, Pp.PP_SMARTCARD_READER) == "soft:alice"
    bench.readers.plug("soft:bob", None)
    with refused(Code.SCARD_E_NO_SMARTCARD):
        client.CPAcquireContext(None, SILENT)
    assert client.CPAcquireContext(None, OPTIONAL | SILENT)
    bench.readers.plug("soft:bob", piv_card(("9a", "9c")))
    context = client.CPAcquireContext(None, OPTIONAL | SILENT)
    assert text(client, context, Pp.PP_SMARTCARD_READER) == "soft:bob"
    bench.readers.plug("Blank", piv_card(()))
    blank = client.CPAcquireContext("\\\\.\\Blank\\", OPTIONAL | SILENT)
    assert text(client, blank, Pp.PP_CONTAINER) == ""
    assert client.CPCreateHash(blank, Alg.CALG_SHA1, 0, 0)
    for name in ("nothing of the kind", r"\\.\Blank\0x9c"):
        with refused(Code.NTE_BAD_KEYSET):
            client.CPAcquireContext(name, OPTIONAL)


def test_verifycontext_is_for_no_container(bench: Bench) -> None:
    client = bench.client()
    context = client.CPAcquireContext(None, VERIFY | SILENT | MACHINE)
    assert len(names(client, context)) == 4
    with refused(Code.NTE_NO_KEY):
        client.CPGetUserKey(context, AT_KEYEXCHANGE)
    with refused(Code.NTE_PERM):
        client.CPGenKey(context, AT_KEYEXCHANGE, PROTECTED)
    for name in ("some name", "00" * 20, "\\\\.\\soft:alice\\0x9c"):
        with refused(Code.NTE_BAD_FLAGS):
            client.CPAcquireContext(name, VERIFY)
    assert len(names(client, client.CPAcquireContext("\\\\.\\soft:alice\\", VERIFY))) == 3
    assert names(client, client.CPAcquireContext("\\\\.\\Empty\\", VERIFY | SILENT)) == []


@pytest.mark.parametrize(
    "flags",
    [
        *(0x1, 0x100, 0x8000, 0x08000000, 0x80000000),
        *(VERIFY | NEWKEYSET, NEWKEYSET | DELETEKEYSET, VERIFY | DELETEKEYSET),
        *(OPTIONAL | NEWKEYSET, OPTIONAL | DELETEKEYSET),
    ],
)
def test_flags_that_do_not_exist_or_go_together(bench: Bench, flags: int) -> None:
    with refused(Code.NTE_BAD_FLAGS):
        bench.client().CPAcquireContext(None, flags)


def test_machine_keysets_are_the_users(bench: Bench) -> None:
    client = bench.client()
    assert container(client, None, MACHINE) == container(client, None)


def test_a_new_container_is_made_by_its_first_key(bench: Bench, tmp_path: Path) -> None:
    client = bench.client()
    context = client.CPAcquireContext(r"\\.\soft:alice\web", NEWKEYSET)
    assert text(client, context, Pp.PP_CONTAINER) == "web"
    with refused(Code.NTE_NO_KEY):
        client.CPGetUserKey(context, AT_KEYEXCHANGE)
    client.CPSetProvParam(context, SetPp.PP_ADMIN_PIN, ADMIN_TEXT.encode(), 0)
    with refused(Code.NTE_TOKEN_KEYSET_STORAGE_FULL):
        client.CPGenKey(context, AT_KEYEXCHANGE, PROTECTED | 1024 << 16)
    context = client.CPAcquireContext(r"\\.\Reader_B\web", NEWKEYSET)
    client.CPSetProvParam(context, SetPp.PP_ADMIN_PIN, ADMIN_TEXT.encode(), 0)
    assert client.CPGenKey(context, AT_SIGNATURE, PROTECTED | 1024 << 16)
    again = client.CPAcquireContext("WEB", 0)
    assert client.CPGetUserKey(again, AT_SIGNATURE)
    for taken in ("web", r"\\.\Reader_B\web"):
        with refused(Code.NTE_EXISTS):
            client.CPAcquireContext(taken, NEWKEYSET)
    with refused(Code.NTE_EXISTS):
        client.CPGenKey(again, AT_SIGNATURE, PROTECTED | 1024 << 16)


def test_a_name_may_be_given_on_several_cards() -> None:
    """A script that enrols one card after the other gives each the same name; which is meant the reader says."""
    bench = Bench(One=piv_card(()), Other=piv_card(()))
    client = bench.client()
    moduli = {}
    for reader in ("One", "Other"):
        context = client.CPAcquireContext(rf"\\.\{reader}\web", NEWKEYSET)
        client.CPSetProvParam(context, SetPp.PP_ADMIN_PIN, ADMIN_TEXT.encode(), 0)
        key = client.CPGenKey(context, AT_KEYEXCHANGE, PROTECTED | 1024 << 16)
        moduli[reader] = client.CPExportKey(context, key, 0, 6, 0, BIG).data
    for reader in ("One", "Other"):
        context = client.CPAcquireContext(rf"\\.\{reader}\web", 0)
        key = client.CPGetUserKey(context, AT_KEYEXCHANGE)
        assert client.CPExportKey(context, key, 0, 6, 0, BIG).data == moduli[reader]
    assert text(client, client.CPAcquireContext("web", 0), Pp.PP_SMARTCARD_READER) == "One"
    bench.readers.pull("One")
    assert text(client, client.CPAcquireContext("web", 0), Pp.PP_SMARTCARD_READER) == "Other"


def test_a_new_container_needs_a_card() -> None:
    client = Bench(Empty=None).client()
    with refused(Code.SCARD_E_NO_SMARTCARD):
        client.CPAcquireContext("web", NEWKEYSET)


def test_deleting_a_container(bench: Bench) -> None:
    """Where the card can: this one's profile deletes keys."""
    client = bench.client()
    name = container(client, "\\\\.\\Reader_B\\")
    for unnamed in (None, "", "\\\\.\\Reader_B\\"):
        with refused(Code.NTE_BAD_KEYSET):
            client.CPAcquireContext(unnamed, DELETEKEYSET)
    with refused(Code.NTE_PERM):
        client.CPAcquireContext(name, DELETEKEYSET | SILENT)
    bench.dialog.expect(ADMIN_TEXT)
    assert client.CPAcquireContext(name, DELETEKEYSET) == 0
    with refused(Code.NTE_BAD_KEYSET):
        client.CPAcquireContext(name, 0)
    with refused(Code.NTE_BAD_KEYSET):
        client.CPAcquireContext(name, DELETEKEYSET)


def test_release_frees_what_was_made_in_the_context(bench: Bench) -> None:
    client = bench.client()
    context, other = client.CPAcquireContext(None, 0), client.CPAcquireContext(None, VERIFY)
    key, handle = client.CPGetUserKey(context, AT_KEYEXCHANGE), client.CPCreateHash(context, Alg.CALG_SHA1, 0, 0)
    client.CPSetProvParam(context, SetPp.PP_KEYEXCHANGE_PIN, PIN.encode(), 0)
    client.CPReleaseContext(context, 0)
    for call in (client.CPReleaseContext, client.CPDestroyKey, client.CPDestroyHash):
        with refused(Code.NTE_BAD_UID):
            call(context, key)
    with refused(Code.NTE_BAD_KEY):
        client.CPDestroyKey(other, key)
    with refused(Code.NTE_BAD_HASH):
        client.CPDestroyHash(other, handle)
    with refused(Code.NTE_BAD_FLAGS):
        client.CPReleaseContext(other, 1)
    with refused(Code.NTE_BAD_UID):
        client.CPReleaseContext(other, 0)
    assert len(client.handles) == 0


def test_names_that_programs_give_are_kept_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "state" / "names.json"
    book = NameBook(path)
    book.note("Web", "guid-1")
    book.note("WEB", "guid-2")
    book.note("web", "guid-1")
    assert NameBook(path).resolve("WEB") == ("guid-1", "guid-2")
    NameBook(path).forget("guid-1")
    assert NameBook(path).resolve("web") == ("guid-2",)
    NameBook(path).forget("guid-2")
    assert NameBook(path).resolve("web") == ("web",)
    for damaged in (b"not json", b"[1]", b'{"a": 1}', b'{"a": "b"}', b'{"a": [1]}'):
        path.write_bytes(damaged)
        assert NameBook(path).resolve("a") == ("a",)


def test_parsing_names() -> None:
    assert parse("\\\\.\\r\\12").number == 12
    assert parse("\\\\.\\r\\0x1F").number == 0x1F
    assert parse("\\\\.\\r\\x").number is None
    assert same("{A}", "a")
    assert not same("a", "b")


def test_a_card_that_is_taken_out_and_put_in_again(bench: Bench) -> None:
    client = bench.client()
    card = bench.readers._readers["soft:alice"][0]
    context = client.CPAcquireContext("\\\\.\\soft:alice\\", 0)
    client.CPSetProvParam(context, SetPp.PP_KEYEXCHANGE_PIN, PIN.encode(), 0)
    handle = client.CPCreateHash(context, Alg.CALG_SHA_256, 0, 0)
    assert client.CPSignHash(context, handle, AT_KEYEXCHANGE, None, 0, 256).size == 256
    bench.readers.pull("soft:alice")
    with refused(Code.SCARD_W_REMOVED_CARD):
        client.CPSignHash(context, handle, AT_KEYEXCHANGE, None, 0, 256)
    bench.readers.plug("Reader C", card)
    assert client.CPSignHash(context, handle, AT_KEYEXCHANGE, None, 0, 256).size == 256


@pytest.mark.parametrize("name", ["\\\\.\\Desk\\", "\\\\.\\Desk\\new"])
def test_a_card_that_takes_the_place_of_another_gets_nothing_of_its(name: str) -> None:
    """Who enrols many cards at one reader may be quicker than the program: no PIN, no admin key, no key pair."""
    bench = Bench()
    bench.readers.plug("Desk", first := piv_card(()))
    client = bench.client()
    context = client.CPAcquireContext(name, SILENT | (NEWKEYSET if name.endswith("new") else 0))
    for parameter, secret in ((SetPp.PP_ADMIN_PIN, ADMIN_TEXT), (SetPp.PP_KEYEXCHANGE_PIN, PIN)):
        client.CPSetProvParam(context, parameter, secret.encode(), 0)
    bench.readers.pull("Desk")
    with refused(Code.SCARD_E_NO_SMARTCARD):
        client.CPGenKey(context, AT_SIGNATURE, PROTECTED | 1024 << 16)
    bench.readers.plug("Desk", piv_card(()))
    with refused(Code.SCARD_W_REMOVED_CARD):
        client.CPGenKey(context, AT_SIGNATURE, PROTECTED | 1024 << 16)
    assert names(client, client.CPAcquireContext("\\\\.\\Desk\\", VERIFY)) == []
    bench.readers.plug("Desk", first)
    assert client.CPGenKey(context, AT_SIGNATURE, PROTECTED | 1024 << 16)


def test_who_only_lists_sees_whatever_card_is_there() -> None:
    bench = Bench(Desk=piv_card(("9a",)))
    client = bench.client()
    context = client.CPAcquireContext("\\\\.\\Desk\\", VERIFY)
    before = names(client, context)
    bench.readers.plug("Desk", piv_card(("9a",)))
    after = names(client, context)
    assert len(after) == 1
    assert before != after


def test_a_closed_provider_gives_no_more() -> None:
    provider = Provider(Configuration(), ScriptedDialog(), readers=Bench().readers)
    client = provider.client(ClientInfo())
    provider.close()
    with refused(Code.NTE_BAD_UID):
        client.CPAcquireContext(None, VERIFY)
    provider.close()
