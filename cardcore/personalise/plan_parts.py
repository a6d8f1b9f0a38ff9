"""What a plan lays down, part by part, as digests, by which the journal knows whether a plan is still the same."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from hashlib import sha256

from cardcore.personalise.card_secrets import master_check
from cardcore.personalise.plan import Derived, Plan
from cardcore.profile.tree import ListNode, MapNode, Scalar, Tree

_DEPTHS = {"cards": 4, "issuers": 2}
"""How far the sections that decide what is on cards are told apart: `cards.PROFILE.pins.user`, `issuers.NAME`."""

_CARDS = "cards."


def written_parts(tree: Tree) -> dict[str, str]:
    """The parts of a plan's file that decide what is on the cards, by their paths.

    How they are laid out does not count. Holders, letters and the plan's name are left out: they may change while a
    run goes on.
    """
    if not isinstance(tree, MapNode):
        return {}
    sections = [(key.text, node) for key, node in tree.entries if key.text in _DEPTHS]
    return dict(part for name, node in sections for part in _parts(name, node, _DEPTHS[name] - 1))


def _parts(path: str, node: Tree, depth: int) -> Iterator[tuple[str, str]]:
    if isinstance(node, MapNode) and node.entries and depth:
        for key, value in node.entries:
            yield from _parts(f"{path}.{key.text}", value, depth - 1)
    else:
        yield path, _digest(json.dumps(_plain(node)).encode())


def _plain(node: Tree) -> object:
    if isinstance(node, Scalar):
        return [node.text, node.plain]
    if isinstance(node, ListNode):
        return {"list": [_plain(item) for item in node.items]}
    return {"map": [[_plain(key), _plain(value)] for key, value in node.entries]}


def _digest(data: bytes) -> str:
    return sha256(data).hexdigest()


def parts_of(plan: Plan) -> dict[str, str]:
    """What decides what is on the cards: the file's parts, the recipients' certificates, the master keys.

    InputError if a master key cannot be had.
    """
    found = dict(plan.parts)
    if plan.recipients:
        found["recipients"] = _digest("".join(sorted(_digest(path.read_bytes()) for path in plan.recipients)).encode())
    for card in plan.cards.values():
        for rule in card.rules():
            if isinstance(rule, Derived):
                found[f"the master key {rule.master}"] = master_check(rule)
    return found


def changed_parts(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """The names of the parts that are not the same in both."""
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


def concerns(part: str, profile: str) -> bool:
    """Whether a part of the plan is about cards of this profile."""
    return not part.startswith(_CARDS) or part == _CARDS + profile or part.startswith(f"{_CARDS}{profile}.")
