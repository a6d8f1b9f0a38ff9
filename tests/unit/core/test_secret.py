"""Secrets: shown nowhere, and overwritten in the end."""

from __future__ import annotations

import copy
import gc
import pickle
import warnings

import pytest

from cardcore.errors import InputError, NotSupported
from cardcore.pinpad.given import PinPad, given, secret
from cardcore.secret import Secret


def test_a_secret_shows_nothing() -> None:
    secret = Secret(b"314159")
    assert "314159" not in f"{secret!r} {secret!s} {secret}"
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="cannot be pickled or copied"):
            attempt(secret)
    with pytest.raises(InputError) as caught:
        Secret.from_text("31\ud8004159")
    assert caught.value.__cause__ is caught.value.__context__ is None


def test_a_secret_is_overwritten_when_it_is_wiped() -> None:
    with Secret(b"314159") as secret:
        kept = memoryview(secret._data).toreadonly()
        assert secret.reveal() == bytes(kept) == b"314159"
        kept.release()
    assert (len(secret), secret.reveal()) == (0, b"")


def test_a_secret_that_nobody_wipes_is_overwritten_when_nobody_has_it_any_more() -> None:
    """As those that are made of a `str` given to `Card.verify`."""
    secret = Secret(b"314159")
    data = secret._data
    del secret
    gc.collect()
    assert data == b""


def test_what_is_no_bytes_is_an_error_and_nothing_more() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(TypeError):
            Secret("314159")  # type: ignore[arg-type] # as a program without types may do
        gc.collect()


def test_what_cannot_be_entered_on_a_keypad_is_refused() -> None:
    pad = PinPad()
    assert given(pad) is pad
    with pytest.raises(NotSupported, match="keypad"):
        secret(pad)
    for value in ("1234", b"1234", Secret(b"1234")):
        assert secret(value).reveal() == b"1234"
