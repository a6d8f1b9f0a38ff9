"""Checks that need more than one section of a profile: does what the operations use exist?"""

from __future__ import annotations

from collections.abc import Mapping

from cardcore.profile.commands import names_of
from cardcore.profile.model import ADMIN, Algorithm, Match, Needs, Operation, Profile
from cardcore.profile.operations import OperationSource
from cardcore.profile.reader import Problems, Section
from cardcore.profile.template import Node, Table
from cardcore.profile.tree import Place
from cardcore.profile.vocabulary import PROCEDURES

_ADMIN_NAMES = ("admin.", "new_admin.")


def cross_check(profile: Profile, sources: Mapping[str, OperationSource], section: Section, problems: Problems) -> None:
    """Note what does not fit together. A base (`abstract`) may leave open what the profiles built on it say."""
    if profile.abstract:
        if profile.match != Match():
            problems.note(section.need("match").place, "an abstract profile matches no card", "Remove `match`.")
        return
    if profile.match == Match():
        problems.note(section.place, "the profile lacks the key match", "Say how the card is recognised.")
    _check_admin(profile, section, problems)
    _check_tries(profile, section, problems)
    _check_unblock(profile, section, problems)
    for operation in profile.operations.values():
        source = sources.get(operation.name)
        if source is not None:
            _check_own(profile, source, problems)
        else:
            _check_inherited(profile, operation, section.need("base").place, problems)


def _check_admin(profile: Profile, section: Section, problems: Problems) -> None:
    if profile.admin is None or section.get("admin") is None:
        return
    if profile.admin.pin:
        if profile.admin.pin not in profile.pins:
            problems.note(section.need("admin").place, f"there is no PIN named {profile.admin.pin}")
        return
    for name in PROCEDURES[profile.admin.procedure].operations:
        if name not in profile.operations:
            place = section.need("admin").place
            problems.note(place, f"the procedure {profile.admin.procedure} needs the operation {name}")


def _check_tries(profile: Profile, section: Section, problems: Problems) -> None:
    for pin in profile.pins.values():
        if pin.tries == "tries" and "tries" not in profile.operations:
            place = (section.get("pins") or section.node).place
            problems.note(place, f"the tries of the PIN {pin.name} are read by the operation tries, which is missing")
        if pin.kdf is not None and "kdf" not in profile.operations:
            place = (section.get("pins") or section.node).place
            problems.note(place, f"how the PIN {pin.name} is hashed is read by the operation kdf, which is missing")


def _check_unblock(profile: Profile, section: Section, problems: Problems) -> None:
    for pin in profile.pins.values():
        if pin.unblock == ADMIN and pin.unblock not in profile.pins and profile.admin is None:
            place = (section.get("pins") or section.node).place
            problems.note(place, f"the PIN {pin.name} is unblocked by the admin, but the profile has no section admin")


def _check_own(profile: Profile, source: OperationSource, problems: Problems) -> None:
    for name, place in source.uses.items():
        _check_name(profile, source.operation.name, name, place, problems)
    for needs, place in source.needs.items():
        _check_needs(profile, source.operation.name, needs, place, problems)


def _check_inherited(profile: Profile, operation: Operation, place: Place, problems: Problems) -> None:
    """As for its own operations, but not for those that the card has no algorithm for, and so never runs."""
    algorithms = relevant_algorithms(profile, operation.name)
    if operation.name in ("sign", "decipher", "agree") and not algorithms:
        return
    for name in sorted(names_of(operation)):
        _check_name(profile, operation.name, name, place, problems)
    for needs in sorted({step.needs for step in operation.steps if step.needs is not None}):
        _check_needs(profile, operation.name, needs, place, problems)


def relevant_algorithms(profile: Profile, operation: str) -> list[Algorithm]:
    """The algorithms with which an operation can run."""
    every = list(profile.algorithms.values())
    first = {kind: algorithm for algorithm in reversed(every) for kind in algorithm.types}
    match operation:
        case "sign":
            return [algorithm for algorithm in every if algorithm.sign is not None]
        case "decipher":
            return [algorithm for algorithm in every if algorithm.decipher is not None]
        case "agree":
            return [algorithm for algorithm in every if algorithm.agree]
        case _:
            return [algorithm for algorithm in every if algorithm in first.values()]


def _check_name(profile: Profile, operation: str, name: str, place: Place, problems: Problems) -> None:
    algorithms = relevant_algorithms(profile, operation)
    if name == "alg.byte" and all(algorithm.byte is None for algorithm in algorithms):
        problems.note(place, f"{operation} uses $alg.byte, but no algorithm for it has `byte`")
    elif name == "alg.oid" and all(algorithm.oid is None for algorithm in algorithms):
        problems.note(place, f"{operation} uses $alg.oid, but no algorithm for it has `oid`")
    for algorithm in algorithms:
        node = {"alg.byte": algorithm.byte, "alg.oid": algorithm.oid}.get(name)
        if _lacks(node, operation):
            problems.note(place, f"{operation} uses ${name}, but that of {algorithm.name} has no entry for {operation}")
    if name.startswith(_ADMIN_NAMES) and profile.admin is None:
        problems.note(place, f"{operation} uses ${name}, but the profile has no section admin")


def _lacks(node: Node | None, operation: str) -> bool:
    return isinstance(node, Table) and node.by == "op" and operation not in node.entries


def _check_needs(profile: Profile, operation: str, needs: Needs, place: Place, problems: Problems) -> None:
    if needs is Needs.ADMIN and profile.admin is None:
        problems.note(place, f"{operation} needs admin, but the profile has no section admin")
    if needs is Needs.PIN and not profile.pins:
        problems.note(place, f"{operation} needs a PIN, but the profile has no section pins")
    if needs is Needs.PUK and not any(pin.unblock for pin in profile.pins.values()):
        problems.note(place, f"{operation} needs a PUK, but no PIN has `unblock`")
