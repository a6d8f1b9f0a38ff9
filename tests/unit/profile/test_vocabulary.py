"""The tables of the language hang together, and with the code that carries them out."""

from __future__ import annotations

from cardcore.procedures import CIPHERS as KNOWN_CIPHERS
from cardcore.procedures import PROCEDURES as KNOWN_PROCEDURES
from cardcore.profile.vocabulary import ALGORITHM_NAMES, AS_FACT, CIPHERS, NAMES, OPERATIONS, PROCEDURES


def test_operations_use_known_names_and_every_name_is_used() -> None:
    used = frozenset().union(*(entry.names for entry in OPERATIONS.values()))
    assert used == set(NAMES)
    assert set(NAMES) >= ALGORITHM_NAMES
    assert all(NAMES[name].kind in AS_FACT for name in ALGORITHM_NAMES)


def test_everything_is_documented_in_one_line() -> None:
    texts = [entry.text for table in (NAMES, OPERATIONS, PROCEDURES) for entry in table.values()]
    assert all(text and "\n" not in text and not text.endswith(".") for text in texts)


def test_procedures_are_those_that_exist_and_run_known_operations() -> None:
    assert set(PROCEDURES) == set(KNOWN_PROCEDURES)
    assert set(CIPHERS) == set(KNOWN_CIPHERS)
    assert all(set(entry.operations) <= set(OPERATIONS) for entry in PROCEDURES.values())
