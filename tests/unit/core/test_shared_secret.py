"""The shared secret of a key agreement, whichever way a card returns it."""

from __future__ import annotations

import pytest

from cardcore.errors import ReplyError
from cardcore.keytypes import key_type
from cardcore.signing import shared_secret

X, Y = bytes(range(32)), bytes(range(32, 64))


@pytest.mark.parametrize("raw", [X, X[1:], b"\x04" + X + Y])
def test_the_x_coordinate(raw: bytes) -> None:
    assert shared_secret(key_type("ecp256"), raw) == X


@pytest.mark.parametrize("raw", [b"\x02" + X + Y, X + Y, X[:8], b""])
def test_anything_else_is_refused(raw: bytes) -> None:
    with pytest.raises(ReplyError):
        shared_secret(key_type("ecp256"), raw)
