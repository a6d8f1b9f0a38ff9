"""Types of keys that another process has learned: tried only where a wrong one does no harm."""

from __future__ import annotations

from cardcore.directory import KeyInfo
from cardcore.errors import InputError
from cardcore.keytypes import KEY_TYPES, KeyType
from cardcore.profile.commands import algorithm_values, names_of
from cardcore.profile.model import KeySlot, PinPolicy, Profile
from cardcore.session import Session


class KeyHints:
    """What is remembered of the types of one card's keys, and which of it has proved true in this session.

    A hint holds for all cards of a kind, so that none of them has to be asked which it is. Therefore it is used only
    where the commands name a different algorithm for each type, so that the card refuses a wrong one and what was not
    asked for is never signed; and not for keys that want their PIN each time, which would have to be entered again.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._proved: dict[str, KeyType] = {}

    def find(self, slot: KeySlot, operation: str) -> KeyType | None:
        """The type to try first; None if there is no hint, or it must not be relied on."""
        cache = self._session.cache
        if cache is None or slot.policy is PinPolicy.ALWAYS:
            return None
        found = self._proved.get(slot.name) or KEY_TYPES.get(cache.key_type(slot.name))
        return found if found and _names_each_type(self._session.profile, operation) else None

    def note(self, slot: KeySlot, info: KeyInfo) -> None:
        """Remember what the card has told, for other processes; not where its PIN policy is another than usual."""
        cache = self._session.cache
        if cache is None or info.type is None or info.policy is not slot.policy or info.policy is PinPolicy.ALWAYS:
            return
        if _names_each_type(self._session.profile, "sign"):
            cache.keep_key_type(slot.name, info.type.name)

    def prove(self, slot: KeySlot, kind: KeyType) -> None:
        """The key was used as one of that type."""
        self._proved[slot.name] = kind

    def proved(self, slot: KeySlot) -> KeyType | None:
        """The type as which the key was used in this session."""
        return self._proved.get(slot.name)

    def disprove(self, slot: KeySlot) -> None:
        """The key is replaced."""
        self._proved.pop(slot.name, None)

    def forget(self) -> None:
        """The card was reset: it may be another one."""
        self._proved.clear()


def _names_each_type(profile: Profile, operation: str) -> bool:
    """Whether the commands of the operation say, by the algorithm's byte, which type of key they are for."""
    if operation not in profile.operations or "alg.byte" not in names_of(profile.operations[operation]):
        return False
    named: dict[bytes, str] = {}
    for algorithm in profile.algorithms.values():
        for name in algorithm.types:
            kind = KEY_TYPES[name]
            known = {"op": operation, "key.type": name, "key.kind": kind.kind.value, "key.size": kind.bits}
            try:
                byte = algorithm_values(algorithm, profile.operations[operation], known).get("alg.byte", b"")
            except InputError:  # not an algorithm for this operation
                continue
            if not byte or named.setdefault(byte, name) != name:
                return False
    return bool(named)
