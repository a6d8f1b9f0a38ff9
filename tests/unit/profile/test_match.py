"""Which profile a card matches, by ATR and by what SELECT answers."""

from __future__ import annotations

import pytest

from cardcore.errors import ProfileError
from cardcore.profile import catalog
from cardcore.profile.match import Candidate, Select, by_atr, resolve
from cardcore.profile.model import Masked, Match, Profile, ReplyMatch

ATR = bytes.fromhex("3BF2180002")
KNOWN = Masked(value=bytes.fromhex("3BF2180000"), mask=bytes.fromhex("FFFFFFFF00"))
OTHER = Masked(value=ATR, mask=bytes.fromhex("FFFFFFFFFFFF"[: 2 * len(ATR)]))
A, B, C = b"AAAAA", b"BBBBB", b"CCCCC"


def card(
    name: str, *, aids: tuple[bytes, ...] = (), atr: bool = False, refines: str = "", reply: bytes = b""
) -> Profile:
    match = Match(
        aids=aids,
        atrs=(KNOWN,) if atr else (),
        reply=ReplyMatch(path=(0x61, 0x4F), value=reply) if reply else None,
    )
    return Profile(id=name, name=name, origin="", refines=refines, match=match)


def selects(*aids: bytes, reply: bytes = b"") -> Select:
    return lambda _profile, aid: reply if aid in aids else None


def found(profiles: list[Profile], select: Select, atr: bytes = ATR) -> tuple[str, bytes, str] | None:
    matched = resolve([Candidate.of(profile) for profile in profiles], atr, select)
    return None if matched is None else (matched.profile.id, matched.aid, matched.reason)


def test_by_atr() -> None:
    known, unknown = Candidate.of(card("known", atr=True)), Candidate.of(card("unknown", aids=(A,)))
    assert by_atr([known, unknown], ATR) == [known]
    assert by_atr([known, unknown], ATR + b"\0") == []
    assert by_atr([known, unknown], b"\x3b" + ATR[1:3] + b"\1\2") == []


def test_a_finer_profile_is_preferred_whether_or_not_it_knows_the_atr() -> None:
    """A user's own profile takes the place of a shipped one that calls the card's ATR usual."""
    usual = Profile(id="usual", name="", origin="", match=Match(aids=(A,), usual=(KNOWN,)))
    own, finest = card("own", aids=(A,), refines="usual"), card("finest", aids=(A,), refines="own")
    other = card("other", aids=(A,))
    assert found([finest, other, own, usual], selects(A)) == ("finest", A, "AID 4141414141")
    assert found([other, own, usual], selects(A)) == ("own", A, "AID 4141414141")
    assert found([other, usual], selects(A)) == ("usual", A, "AID 4141414141")
    elsewhere = Profile(id="own", name="", origin="", refines="usual", match=Match(aids=(A,), atrs=(OTHER,)))
    assert found([elsewhere, usual], selects(A), ATR[:-1] + b"\3") == ("usual", A, "AID 4141414141")


def test_no_shipped_profile_refines_another() -> None:
    """Else `Catalog.candidate` would have to read that too, before it builds the profile."""
    shelf = catalog.catalog([catalog.shipped_directory()])
    assert not [profile_id for profile_id in shelf.sources if shelf.load(profile_id).refines]


def test_only_what_the_atr_leaves_is_built() -> None:
    built: list[str] = []

    def candidate(profile: Profile) -> Candidate:
        def build() -> Profile:
            built.append(profile.id)
            return profile

        return Candidate(id=profile.id, match=profile.match, build=build)

    candidates = [candidate(card("a", aids=(A,))), candidate(card("b", aids=(B,), atr=True)), candidate(card("c"))]
    assert resolve(candidates, ATR, selects(B)) is not None
    assert built == ["b"]
    assert resolve(candidates, ATR, selects()) is None
    assert built == ["b", "b", "a"]


def test_by_aid() -> None:
    profiles = [card("a", aids=(A,)), card("b", aids=(B, C))]
    assert found(profiles, selects(A)) == ("a", A, "AID 4141414141")
    assert found(profiles, selects(C)) == ("b", C, "AID 4343434343")
    assert found(profiles, selects(B, C)) == ("b", B, "AID 4242424242")
    assert found(profiles, selects()) is None
    assert found([], selects(A)) is None


def test_by_atr_alone_and_with_aid() -> None:
    assert found([card("a", atr=True)], selects()) == ("a", b"", "ATR")
    assert found([card("a", atr=True)], selects(), b"\x3b\0") is None
    both = card("a", atr=True, aids=(A,))
    assert found([both], selects(A)) == ("a", A, "ATR, AID 4141414141")
    assert found([both], selects()) is None
    assert found([both], selects(A), b"\x3b\0") is None


def test_profiles_that_know_the_atr_are_preferred() -> None:
    asked: list[bytes] = []

    def select(_profile: Profile, aid: bytes) -> bytes | None:
        asked.append(aid)
        return b"" if aid in (A, B) else None

    profiles = [card("general", aids=(A,)), card("special", aids=(B,), atr=True)]
    assert found(profiles, select) == ("special", B, "ATR, AID 4242424242")
    assert asked == [B]
    profiles[1] = card("special", aids=(C,), atr=True)
    assert found(profiles, select) == ("general", A, "AID 4141414141")


def test_a_usual_atr_is_a_hint_and_no_condition() -> None:
    usual = Profile(id="usual", name="usual", origin="", match=Match(aids=(B,), usual=(KNOWN,)))
    plain = card("plain", aids=(A,))
    tried: list[bytes] = []

    def select(_profile: Profile, aid: bytes) -> bytes | None:
        tried.append(aid)
        return b""

    assert found([plain, usual], select) == ("usual", B, f"AID {B.hex().upper()}")
    assert tried == [B]
    assert found([plain, usual], selects(B), ATR + b"\0") == ("usual", B, f"AID {B.hex().upper()}")
    assert found([plain, usual], selects(A)) == ("plain", A, f"AID {A.hex().upper()}")


def test_by_the_reply() -> None:
    profiles = [card("a", aids=(A,), reply=b"\1\2")]
    assert found(profiles, selects(A, reply=bytes.fromhex("61054F03010203"))) == (
        "a",
        A,
        "AID 4141414141, reply to SELECT",
    )
    for reply in ("61044F020103", "61024F00", "6100", "", "61"):
        assert found(profiles, selects(A, reply=bytes.fromhex(reply))) is None


def test_two_that_match() -> None:
    general, special = card("general", aids=(A,)), card("special", aids=(A,), refines="general")
    assert found([general, special], selects(A)) == ("special", A, "AID 4141414141")
    assert found([special, general], selects(A)) == ("special", A, "AID 4141414141")
    with pytest.raises(ProfileError, match="several profiles: general and other"):
        found([general, card("other", aids=(A,))], selects(A))
    with pytest.raises(ProfileError, match="several profiles: one and two"):
        found([card("one", aids=(A,), refines="two"), card("two", aids=(A,), refines="one")], selects(A))


def test_abstract_profiles_match_nothing() -> None:
    assert found([Profile(id="x", name="x", origin="", abstract=True, match=Match(aids=(A,)))], selects(A)) is None
