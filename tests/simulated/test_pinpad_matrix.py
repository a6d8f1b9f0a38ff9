"""Every PIN operation on the keypad with every kind of PIN, to every end, in both ways, through real pcscd."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import pytest

from tests.simulated.padbench import READERS, Ended, PadBench, pad_bench
from tests.simulated.pincard import FORMATS, NEW, OTHER, PIN, PUK, TRIES, WRONG, PinCard
from tests.unit import house

pytestmark = pytest.mark.pcsc

PROFILES = house.ROOT / "tests" / "data" / "pinpad"
OPERATIONS = ("verify", "change", "unblock")
PROOF = MappingProxyType({"verify": PIN, "change": PIN, "unblock": PUK})
LABEL = MappingProxyType({"verify": "PIN", "change": "PIN", "unblock": "PUK"})
REFERENCE = MappingProxyType({"verify": 0x80, "change": 0x80, "unblock": 0x81})


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an entry goes: what is typed for the old PIN and for the new one, and what comes of it.

    `new` None: only the first field is asked for. `sent` says whether the card saw a PIN, `tries` how many are left
    before, `spent` how many were spent.
    """

    status: int
    code: str = ""
    message: str = ""
    old: str | None = None
    new: tuple[str, ...] | None = (NEW, NEW)
    tries: int = TRIES
    spent: int = 0
    sent: bool = False
    told: int | None = None
    options: tuple[str, ...] = ()


NO_TRY = "No try was spent"
OUTCOMES: Mapping[str, Outcome] = MappingProxyType(
    {
        "right": Outcome(status=0, sent=True),
        "wrong": Outcome(
            status=4, code="wrong-pin", message="wrong {}, 2 tries left", old=WRONG, spent=1, sent=True, told=2
        ),
        "last wrong": Outcome(
            status=5,
            code="pin-blocked",
            message="the {} is blocked now",
            old=WRONG,
            tries=1,
            spent=1,
            sent=True,
            told=0,
            options=("--last-try",),
        ),
        "last": Outcome(
            status=4, code="last-try", message="one try is left for the {}, so it was not sent", old="", tries=1, told=1
        ),
        "blocked": Outcome(status=5, code="pin-blocked", message="the {} is blocked", old="", tries=0, told=0),
        "cancel": Outcome(
            status=9, code="pin-entry-cancelled", message="the entry on the keypad was cancelled", new=("cancel",)
        ),
        "timeout": Outcome(
            status=10,
            code="pin-entry-timeout",
            message="the time for the entry on the keypad is over",
            new=("timeout",),
        ),
        "mismatch": Outcome(
            status=11, code="pin-entry-mismatch", message="the two entries of the new PIN differ", new=(NEW, OTHER)
        ),
        "too short": Outcome(
            status=12,
            code="pin-entry-length",
            message="the PIN entered on the keypad is too short or too long",
            new=("123",),
        ),
        "pulled": Outcome(status=8, code="card-removed", message="the card was taken out", new=("pull",)),
        "unplugged": Outcome(status=8, code="card-removed", message="the reader is gone", new=("unplug",)),
    }
)
CASES = [
    (reader, form, operation, name)
    for reader in READERS
    for form in FORMATS
    for operation in OPERATIONS
    for name in OUTCOMES
    if (operation, name) != ("verify", "mismatch")  # there is nothing to confirm
]


@pytest.fixture(scope="module")
def bench() -> Iterator[PadBench]:
    with pad_bench() as running:
        yield running


@pytest.fixture(scope="module")
def cards(bench: PadBench) -> dict[str, PinCard]:
    found = {name: PinCard() for name in READERS}
    for name, card in found.items():
        bench.insert(name, card)
    return found


def typed(operation: str, outcome: Outcome) -> list[str]:
    """What the person does: a verification has one field only, so the end comes there."""
    if outcome.old == "":
        return []
    new = list(outcome.new or ())
    if operation == "verify" and outcome.new != (NEW, NEW):
        return new
    first = outcome.old or PROOF[operation]
    return [first] if operation == "verify" else [first, *new]


def put_right(bench: PadBench, reader: str, card: PinCard, name: str) -> None:
    """Bring card or reader back."""
    if name == "unplugged":
        bench.reader(reader).plug()
    if name in ("pulled", "unplugged"):
        bench.insert(reader, card)


@pytest.mark.parametrize(("reader", "form", "operation", "name"), CASES, ids=lambda value: value)
def test_an_entry(
    bench: PadBench, cards: dict[str, PinCard], reader: str, form: str, operation: str, name: str
) -> None:
    outcome, card, person = OUTCOMES[name], cards[reader], bench.reader(reader).person
    card.prepare(form)
    person.forget()
    card.tries[REFERENCE[operation]] = outcome.tries
    person.will(*typed(operation, outcome))
    ended = bench.on(reader, "--profile", str(PROFILES / f"{form}.yaml"), "pin", operation, *outcome.options)
    try:
        check_answer(ended, outcome, operation, bench.service.full_name(reader))
        check_card(card, outcome, operation)
        assert len(person.asked) == len(typed(operation, outcome)), person.asked
    finally:
        put_right(bench, reader, card, name)


def check_answer(ended: Ended, outcome: Outcome, operation: str, reader: str) -> None:
    assert ended.status == outcome.status, ended.err
    prompts = [] if outcome.old == "" else [expected_prompt(operation, reader)]
    assert ended.prompts == prompts
    if not outcome.status:
        assert ended.document[{"verify": "verified", "change": "changed", "unblock": "unblocked"}[operation]] is True
        return
    error = ended.error
    assert error["code"] == outcome.code
    assert outcome.message.format(LABEL[operation]) in error["message"]
    assert error["tries_left"] == outcome.told
    assert error["hint"]
    assert (NO_TRY in error["hint"]) == outcome.code.startswith("pin-entry")


def expected_prompt(operation: str, reader: str) -> dict[str, object]:
    wanted = f"the {LABEL[operation]}" + ("" if operation == "verify" else ", then the new PIN twice")
    return {"message": f"Enter {wanted} on {reader}'s keypad", "seconds": 30}


def check_card(card: PinCard, outcome: Outcome, operation: str) -> None:
    assert len(card.seen) == outcome.sent, "sent once, or never"
    assert card.pin == (NEW if outcome.status == 0 and operation != "verify" else PIN)
    assert card.tries[REFERENCE[operation]] == outcome.tries - outcome.spent
