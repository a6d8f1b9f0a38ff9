"""Which profile a card matches: pure decisions; whoever calls does the SELECTs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from cardcore import tlv
from cardcore.errors import ProfileError, ReplyError
from cardcore.profile.model import Masked, Match, Profile, ReplyMatch


class Candidate(NamedTuple):
    """A profile that a card may match: how it recognises one, and the whole of it, built when it is wanted.

    `refines` is the profile that it is preferred to, as far as that is known before it is built.
    """

    id: str
    match: Match
    build: Callable[[], Profile]
    refines: str = ""

    @classmethod
    def of(cls, profile: Profile) -> Candidate:
        """A profile that is built already; an abstract one matches nothing."""
        match = Match() if profile.abstract else profile.match
        return cls(id=profile.id, match=match, build=lambda: profile, refines=profile.refines)


Select = Callable[[Profile, bytes], bytes | None]
"""Selects an AID with the profile's SELECT: the reply's data field, None if the card has no such application."""


class Matched(NamedTuple):
    """A profile that matches, the AID that the card selected (empty: by its ATR alone), and why in words."""

    profile: Profile
    aid: bytes
    reason: str


def by_atr(candidates: Iterable[Candidate], atr: bytes) -> list[Candidate]:
    """The candidates that ask for this ATR, among others, or call it usual."""
    return [
        candidate
        for candidate in candidates
        if any(masked.matches(atr) for masked in (*candidate.match.atrs, *candidate.match.usual))
    ]


def resolve(candidates: Sequence[Candidate], atr: bytes, select: Select) -> Matched | None:
    """The one profile that the card matches, None if there is none.

    All that a profile's `match` gives must hold. Profiles that know the ATR, and those that refine them, are preferred:
    only if none of them matches are the others' AIDs selected, and only those are built whose AIDs are. ProfileError
    if two match and neither refines the other.
    """
    for group in _groups(candidates, atr):
        matched = [found for candidate in group for found in _matching(candidate, select)]
        if matched:
            return _only(matched)
    return None


def _groups(candidates: Sequence[Candidate], atr: bytes) -> tuple[list[Candidate], list[Candidate]]:
    """The candidates that know the ATR with those that refine them, and those that any card may match."""
    known = by_atr(candidates, atr)
    free = [one for one in candidates if one.match.aids and not one.match.atrs and one not in known]
    while finer := [one for one in free if one.refines in {found.id for found in known}]:
        known += finer
        free = [one for one in free if one not in finer]
    return known, free


def _matching(candidate: Candidate, select: Select) -> Iterator[Matched]:
    """At most one match: by the first of the AIDs that the card selects with the right reply."""
    wanted, profile = candidate.match, candidate.build()
    with_atr = "ATR" if wanted.atrs else ""
    if not wanted.aids:
        yield Matched(profile=profile, aid=b"", reason=with_atr)
        return
    for aid in wanted.aids:
        reply = select(profile, aid)
        if reply is not None and _replies(wanted.reply, reply):
            reasons = [with_atr, f"AID {aid.hex().upper()}", "reply to SELECT" if wanted.reply else ""]
            yield Matched(profile=profile, aid=aid, reason=", ".join(filter(None, reasons)))
            return


def _replies(wanted: ReplyMatch | None, reply: bytes) -> bool:
    if wanted is None:
        return True
    try:
        value = tlv.find(reply, wanted.path)
    except ReplyError:
        return False
    return value is not None and value.startswith(wanted.value)


def _only(matched: list[Matched]) -> Matched:
    """The match that no other one refines; ProfileError if several remain."""
    refined = {found.profile.refines for found in matched}
    left = [found for found in matched if found.profile.id not in refined]
    if len(left) == 1:
        return left[0]
    names = " and ".join(sorted(found.profile.id for found in left or matched))
    raise ProfileError(
        f"the card matches several profiles: {names}",
        hint="Name one with --profile, or let one say that it `refines` the other.",
    )


def overlap(first: Match, second: Match) -> bool:
    """Whether one card can be recognised by both, as far as the profiles tell.

    That a card has two applications is left out: it is one profile for each. So AIDs count only if one of them begins
    with the other, as SELECT takes the shorter for both.
    """
    if bool(first.aids) != bool(second.aids):
        return False
    same_aid = any(a.startswith(b) or b.startswith(a) for a in first.aids for b in second.aids)
    if first.aids and not same_aid:
        return False
    if first.reply and second.reply and first.reply.path == second.reply.path:
        one, other = first.reply.value, second.reply.value
        if not one.startswith(other) and not other.startswith(one):
            return False
    if not first.atrs or not second.atrs:
        return same_aid
    return any(_meet(a, b) for a in first.atrs for b in second.atrs)


def _meet(first: Masked, second: Masked) -> bool:
    """Whether there is an ATR that both patterns match."""
    if len(first.value) != len(second.value):
        return False
    bits = zip(first.value, first.mask, second.value, second.mask, strict=True)
    return all((a ^ b) & mask_a & mask_b == 0 for a, mask_a, b, mask_b in bits)
