"""An admin key that the card keeps behind its PIN, in the data objects that the tools in wide use write.

The contents below are what ykman 5 writes (ykman/piv.py, PivmanData and PivmanProtectedData), byte by byte.
"""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest

from cardcore import Card
from cardcore.errors import AdminRequired, PinRequired, ReplyError
from cardcore.softcard import SoftCard
from cardcore.transport.recorder import RecorderTransport
from cardcore.transport.soft import SoftTransport
from tests.unit.core.fakecard import piv, without
from tests.unit.core.softpiv import ADMIN, PIN, new_soft_card, open_piv

KEY = bytes.fromhex("A0A1A2A3A4A5A6A7A8A9AAABACADAEAFB0B1B2B3B4B5B6B7")
NO_FLAGS = bytes.fromhex("8000")
KEPT = bytes.fromhex("8003810102")
KEPT_AND_PUK_BLOCKED = bytes.fromhex("8009 810103 8304 6553F100".replace(" ", ""))
DERIVED = bytes.fromhex("8015 810100 8210 000102030405060708090A0B0C0D0E0F".replace(" ", ""))
PROTECTED = bytes.fromhex("881A8918") + KEY
FLAGS_OBJECT, KEY_OBJECT = "5FFF00", "printed"


def prepared(flags: bytes | None, protected: bytes | None = PROTECTED) -> SoftCard:
    """A card whose admin key is `KEY`, and that keeps these objects."""
    soft = new_soft_card()
    with open_piv(SoftTransport(soft, "making")) as card:
        card.authenticate_admin(ADMIN)
        card.change_admin_key(KEY, "aes192")
        card.authenticate_admin(KEY)
        for name, content in ((FLAGS_OBJECT, flags), (KEY_OBJECT, protected)):
            if content is not None:
                card.write(name, content)
    return soft


def opened(soft: SoftCard) -> Card:
    return open_piv(SoftTransport(soft, "test"))


@pytest.mark.parametrize("flags", [KEPT, KEPT_AND_PUK_BLOCKED])
def test_the_key_comes_after_the_pin(flags: bytes) -> None:
    with opened(prepared(flags)) as card:
        assert card.keeps_admin_key()
        with pytest.raises(PinRequired):
            card.kept_admin_key()
        card.verify(PIN)
        with card.kept_admin_key() as key:
            assert key.reveal() == KEY
            card.authenticate_admin(key)
        card.generate("9a", "ecp256")


@pytest.mark.parametrize(
    "flags", [None, NO_FLAGS, DERIVED, b"\x80\x03\x81\x01\x01", b"\x80\x02\x81\x00", b"\xff\xff", b"\x53\x01\x02"]
)
def test_a_card_that_keeps_none(flags: bytes | None) -> None:
    with opened(prepared(flags)) as card:
        card.verify(PIN)
        assert not card.keeps_admin_key()


def test_a_card_for_which_nobody_has_thought_of_that() -> None:
    profile = without(piv(), "admin-kept")
    with open_piv(SoftTransport(prepared(KEPT), "test"), profile) as card:
        assert not card.keeps_admin_key()


@pytest.mark.parametrize("protected", [None, b"\x88\x00", b"\x88\x02\x89\x00", b"\x01\x03abc", b"\x88\x1a\x89"])
def test_a_card_that_has_lost_it(protected: bytes | None) -> None:
    with opened(prepared(KEPT, protected)) as card:
        card.verify(PIN)
        with pytest.raises(ReplyError, match="but has none"):
            card.kept_admin_key()


@pytest.mark.parametrize("flags", [KEPT, NO_FLAGS])
def test_a_new_key_is_kept_where_the_old_one_was(flags: bytes) -> None:
    new = bytes(range(32))
    soft = prepared(flags)
    with opened(soft) as card:
        with pytest.raises(AdminRequired):
            card.change_admin_key(new)
        card.authenticate_admin(KEY)
        card.change_admin_key(new)
        card.authenticate_admin(new)
        card.verify(PIN)
        assert card.read(FLAGS_OBJECT) == flags
        assert card.read(KEY_OBJECT) == (bytes.fromhex("88228920") + new if flags is KEPT else PROTECTED)


@pytest.fixture
def trace() -> Iterator[io.StringIO]:
    with io.StringIO() as sink:
        yield sink


@pytest.mark.parametrize("raw", [False, True])
def test_the_key_is_in_no_trace(trace: io.StringIO, raw: bool) -> None:
    with open_piv(RecorderTransport(SoftTransport(prepared(KEPT), "test"), trace)) as card:
        card.verify(PIN)
        assert (card.read(KEY_OBJECT) if raw else card.kept_admin_key().reveal()).endswith(KEY)
        card.authenticate_admin(KEY)
        card.change_admin_key(KEY[::-1], "aes192")
    said = trace.getvalue()
    assert "5cff00" not in said
    assert "5fff00" in said
    for key in (KEY, KEY[::-1]):
        assert key.hex() not in said
