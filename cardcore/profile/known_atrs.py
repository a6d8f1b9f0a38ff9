"""The ATRs that profiles name, for systems that want to know cards before one is there."""

from __future__ import annotations

from dataclasses import dataclass

from cardcore.profile.catalog import candidates


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownAtr:
    """An ATR by which a profile knows its cards: the bits set in `mask` count, `value` is zero elsewhere."""

    profile: str
    name: str
    value: bytes
    mask: bytes


def known_atrs() -> list[KnownAtr]:
    """The ATRs of all profiles, each once, in the order of the profiles' ids."""
    found: dict[tuple[bytes, bytes], KnownAtr] = {}
    for candidate in candidates():
        for masked in (*candidate.match.atrs, *candidate.match.usual):
            value = bytes(byte & mask for byte, mask in zip(masked.value, masked.mask, strict=True))
            profile = candidate.build()
            known = KnownAtr(profile=profile.id, name=profile.name, value=value, mask=masked.mask)
            found.setdefault((value, masked.mask), known)
    return list(found.values())
