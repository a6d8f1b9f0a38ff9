"""Reads the `operations` of a profile: steps with header, data, expectations, conditions and replies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from cardcore.profile import reader
from cardcore.profile.model import Expect, Needs, Operation, Step
from cardcore.profile.replies import read_reply, saved_kind
from cardcore.profile.template import Literal, Node, Value
from cardcore.profile.templates import Choice, Scope, byte, data, fact_value, least_size
from cardcore.profile.tree import ListNode, Place, Scalar, Tree, shown
from cardcore.profile.vocabulary import AS_FACT, NAMES, OPERATIONS, Entry

STEP_KEYS = ("cla", "ins", "p1", "p2", "data", "le", "extended", "long", "expect", "reply", "when", "needs", "save")
MAX_STEPS = 64
MAX_DATA = 65535
_SHORT_LE, _EXTENDED_LE = 256, 65536
_ZERO: Node = Literal(data=b"\x00")
_SUCCESS = frozenset({0x9000})


class StepSource(NamedTuple):
    """What one step depends on: the facts that its `when` compares, with their places, and its tables."""

    facts: Mapping[str, tuple[Place, frozenset[Value]]]
    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationSource:
    """An operation and where its parts stand, for the checks that need the rest of the profile.

    `uses` are its names, `needs` its authentications, `unused` what it saves in vain.
    `removes` says that no steps are written: the card cannot do what the base can.
    """

    operation: Operation
    place: Place
    uses: dict[str, Place] = field(default_factory=dict)
    needs: dict[Needs, Place] = field(default_factory=dict)
    steps: list[StepSource] = field(default_factory=list)
    unused: dict[str, Place] = field(default_factory=dict)
    removes: bool = False


def read_operations(node: Tree, problems: reader.Problems) -> dict[str, OperationSource]:
    """The operations of a profile by name. One without steps says that the card cannot do it."""
    found: dict[str, OperationSource] = {}
    entries = problems.attempt((), reader.entries, node, "a mapping of operations")
    # No key stands twice: among one more than there are operations one is unknown, and the rest need no reading.
    for key, value in entries[: len(OPERATIONS) + 1]:
        if key.text in OPERATIONS:
            found[key.text] = _read_operation(key, value, problems)
        else:
            hint = reader.suggestion(key.text, OPERATIONS) or f"Known operations: {', '.join(OPERATIONS)}."
            problems.note(key.place, f"unknown operation {shown(key)}", hint)
    return found


def _read_operation(key: Scalar, node: Tree, problems: reader.Problems) -> OperationSource:
    name = key.text
    source = OperationSource(operation=Operation(name=name, steps=()), place=key.place)
    names = {known: NAMES[known] for known in OPERATIONS[name].names}
    scope = Scope(what=f"the operation {name}", names=names, uses=source.uses)
    items = problems.attempt(None, _steps, node)
    steps = [problems.attempt(None, _read_step, item, scope, source) for item in items or ()]
    for used in source.uses:
        source.unused.pop(used, None)
    operation = Operation(name=name, steps=tuple(step for step in steps if step is not None))
    return replace(source, operation=operation, removes=items == ())


def _steps(node: Tree) -> tuple[Tree, ...]:
    if not isinstance(node, ListNode):
        raise node.place.error(f"expected a list of steps, found {shown(node)}", "As [{ins: 0x84, le: 8, reply: {}}].")
    if len(node.items) > MAX_STEPS:
        raise node.place.error(f"expected at most {MAX_STEPS} steps, found {len(node.items)}")
    return node.items


def _read_step(node: Tree, scope: Scope, source: OperationSource) -> Step:
    section = reader.section(node, STEP_KEYS, "a step")
    scope = replace(scope, choices=[])
    extended = section.read("extended", reader.boolean, False)
    expect, retries = section.read("expect", _expect, (_SUCCESS, False))
    facts = section.read("when", lambda value: _when(value, scope), {})
    step = Step(
        cla=section.read("cla", lambda value: byte(value, scope), _ZERO),
        ins=byte(section.need("ins"), scope),
        p1=section.read("p1", lambda value: byte(value, scope), _ZERO),
        p2=section.read("p2", lambda value: byte(value, scope), _ZERO),
        data=section.read("data", lambda value: _data(value, scope), None),
        le=section.read("le", lambda value: _le(value, extended), None),
        extended=extended,
        long=section.read("long", reader.boolean, False),
        expect=expect,
        retries=retries,
        reply=section.read("reply", read_reply, None),
        when={fact: values for fact, (_, values) in facts.items()},
        needs=section.read("needs", lambda value: _needs(value, source), None),
        line=node.place.line,
    )
    source.steps.append(StepSource(facts=facts, choices=tuple(scope.choices)))
    save = section.get("save")
    return step if save is None else replace(step, save=_save(save, step, scope, source))


def _data(node: Tree, scope: Scope) -> Node:
    template = data(node, scope)
    least = least_size(template)
    if least > MAX_DATA:
        raise node.place.error(f"{least} bytes of data, a command has at most {MAX_DATA}")
    return template


def _le(node: Tree, extended: bool) -> int:
    """Le as it is encoded: 0 is the most that the length form allows."""
    number = reader.integer(node, 0, _EXTENDED_LE)
    most = _EXTENDED_LE if extended else _SHORT_LE
    if number > most:
        raise node.place.error(f"a short Le is at most {most}, found {number}", "Add `extended: true`.")
    return number % most


def _expect(node: Tree) -> tuple[frozenset[int], bool]:
    words: set[int] = set()
    retries = False
    for item in reader.one_or_more(node):
        if isinstance(item, Scalar) and item.plain and item.text == Expect.RETRIES:
            retries = True
        else:
            words.add(_status_word(item))
    return frozenset(words) or _SUCCESS, retries


def _status_word(node: Tree) -> int:
    number = reader.as_integer(node)
    if number is None or number >> 12 not in (6, 9) or number >> 16:
        raise node.place.error(f"expected a status word, as 0x9000, or {Expect.RETRIES}, found {shown(node)}")
    if number >> 8 in (0x61, 0x6C):
        raise node.place.error(f"the status word {shown(node)} never arrives here", "61xx and 6Cxx are followed.")
    return number


def _when(node: Tree, scope: Scope) -> dict[str, tuple[Place, frozenset[Value]]]:
    facts: dict[str, tuple[Place, frozenset[Value]]] = {}
    for key, value in reader.entries(node, "a mapping of facts to values"):
        if key.text.startswith("$"):
            raise key.place.error(f"expected a fact's name, found {shown(key)}", f"Write {key.text[1:]}, without $.")
        entry = scope.use(key.place, key.text, AS_FACT)
        values = frozenset(fact_value(item, key.text, entry) for item in reader.one_or_more(value))
        facts[key.text] = (value.place, values)
    return facts


def _needs(node: Tree, source: OperationSource) -> Needs:
    needs = reader.form(node, Needs)
    source.needs.setdefault(needs, node.place)
    return needs


def _save(node: Tree, step: Step, scope: Scope, source: OperationSource) -> str:
    """The name under which the step's result is kept; the steps after it may use it from here on."""
    name = reader.name(node)
    if name in NAMES or name in scope.names:
        raise node.place.error(f"the name {name} is taken already", "Save under another name.")
    kind = saved_kind(step.reply) if step.reply is not None else None
    if kind is None or step.retries:
        raise node.place.error("only bytes, a number or a word out of the reply can be saved", "Add such a `reply`.")
    scope.names[name] = Entry(kind, "saved by an earlier step")
    source.unused[name] = node.place
    return name
