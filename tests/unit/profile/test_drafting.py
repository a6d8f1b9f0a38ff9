"""A new profile passes the check, whatever was said of the card."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cardcore.errors import InputError
from cardcore.profile.catalog import catalog, shipped_directory
from cardcore.profile.check import check
from cardcore.profile.drafting import Outline, draft
from cardcore.profile.model import DecipherResult, InputForm

OUTLINES = st.builds(
    Outline,
    name=st.text(min_size=1, max_size=40).filter(lambda name: any("!" <= letter <= "~" for letter in name)),
    aid=st.binary(min_size=5, max_size=16),
    atr=st.one_of(st.just(b""), st.binary(min_size=2, max_size=33)),
    pkcs15=st.booleans(),
    pin_ref=st.integers(0, 0x7F),
    puk_ref=st.one_of(st.none(), st.integers(0x80, 0xFF)),
    digits=st.booleans(),
    pad=st.one_of(st.none(), st.tuples(st.integers(0, 255), st.integers(8, 32))),
    form=st.sampled_from([InputForm.PADDED, InputForm.DIGEST_INFO, InputForm.DIGEST_INFO_CHECKED, InputForm.HASH]),
    decipher=st.sampled_from(list(DecipherResult)),
    types=st.sampled_from([("rsa2048",), ("rsa1024", "rsa4096")]),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(outline=OUTLINES)
def test_a_draft_passes_the_check(outline: Outline, tmp_path: Path) -> None:
    path = tmp_path / "draft.yaml"
    path.write_text(draft(outline), encoding="utf-8")
    shelf = catalog([shipped_directory()])
    assert check(path, shelf) == []
    made = shelf.load_file(path)
    assert made.match.aids == (outline.aid,)
    assert made.pins["user"].ref == outline.pin_ref


@pytest.mark.parametrize(
    "outline",
    [
        Outline(name="X"),
        Outline(name="\x1b\n", aid=bytes(5)),
        Outline(name="X", aid=bytes(4)),
        Outline(name="X", atr=bytes(1)),
        Outline(name="X", aid=bytes(5), pin_length=(9, 4)),
        Outline(name="X", aid=bytes(5), pad=(0xFF, 4)),
        Outline(name="X", aid=bytes(5), key_refs=(2, 1)),
        Outline(name="X", aid=bytes(5), puk_ref=0x01),
        Outline(name="X", aid=bytes(5), types=("ecp256",)),
        Outline(name="X", aid=bytes(5), types=()),
        Outline(name="X", aid=bytes(5), form=InputForm.HASH_LEFT_PADDED),
    ],
)
def test_what_cannot_be_is_refused(outline: Outline) -> None:
    with pytest.raises(InputError):
        draft(outline)
