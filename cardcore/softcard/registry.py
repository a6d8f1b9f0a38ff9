"""Which applications a software card can have; a new one is a package and a line in the table."""

from __future__ import annotations

import secrets as random
from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType

from cardcore.errors import InputError
from cardcore.softcard.application import Application
from cardcore.softcard.card import SoftCard
from cardcore.softcard.memory import JsonObject, Memory, VolatileMemory
from cardcore.softcard.personality import DEFAULT_COST, Personality, ScryptCost, Secrets

_PACKAGES: Mapping[str, str] = MappingProxyType(
    {
        "piv": "cardcore.softcard.piv",
        "isoapplet": "cardcore.softcard.isoapplet",
        "openpgp": "cardcore.softcard.openpgp",
        "gids": "cardcore.softcard.gids",
    }
)
_PRACTICE: Mapping[str, str] = MappingProxyType({"larkspur": "cardcore.softcard.larkspur"})


def application_names() -> tuple[str, ...]:
    """The families that a card can be created of and for which there are profiles."""
    return tuple(_PACKAGES)


def practice_names() -> tuple[str, ...]:
    """The invented families that a card can be created of too: whoever learns to write profiles writes theirs."""
    return tuple(_PRACTICE)


def application_class(name: str) -> type[Application]:
    """The application called `name`, imported when first wanted; InputError if there is none."""
    packages = {**_PACKAGES, **_PRACTICE}
    if name not in packages:
        raise InputError(
            f"no software card application is called {name!r}", hint=f"Choose one of {', '.join(packages)}."
        )
    found = import_module(packages[name]).APPLICATION
    if not (isinstance(found, type) and issubclass(found, Application)):
        raise TypeError(f"{packages[name]}.APPLICATION is no Application")
    return found


def factory_secrets(name: str, *, blank: bool = False) -> Secrets:
    """The published secrets that a new card of this family has where none are given; none if it gets them by `init`."""
    application = application_class(name)
    return Secrets() if blank and not application.secrets_before_initialisation else application.factory_secrets


def fresh_state(
    application: str,
    secrets: Secrets,
    *,
    serial: bytes,
    blank: bool = False,
    pin_tries: int = 3,
    puk_tries: int = 3,
    cost: ScryptCost = DEFAULT_COST,
) -> JsonObject:
    """The persistent state of a new application; InputError if a secret or a try limit does not fit the family."""
    family = application_class(application)
    if blank and not family.secrets_before_initialisation and secrets != Secrets():
        raise InputError("a blank card of this family has no PIN or PUK yet", hint="Give them when you initialise it.")
    personality = Personality(serial=serial, blank=blank, pin_tries=pin_tries, puk_tries=puk_tries, cost=cost)
    return family.fresh(secrets, personality)


def shown_serial(application: str, state: JsonObject) -> str:
    """The serial number that programs show for a card in this state, empty if it has none yet."""
    return application_class(application).serial_number(state)


def new_serial() -> bytes:
    """A random serial number, 4 bytes, that reads as a positive number of at most 8 digits."""
    return (10_000_000 + random.randbelow(90_000_000)).to_bytes(4)


def open_card(memory: Memory, applications: tuple[str, ...]) -> SoftCard:
    """A card with these applications over a memory that already holds their state."""
    return SoftCard([application_class(name)(memory) for name in applications], memory)


def volatile_card(
    application: str,
    secrets: Secrets | None = None,
    *,
    blank: bool = False,
    pin_tries: int = 3,
    puk_tries: int = 3,
    cost: ScryptCost = DEFAULT_COST,
) -> SoftCard:
    """A card that lives in memory only and is gone with the object: for tests and demonstrations."""
    state = fresh_state(
        application,
        secrets or Secrets(),
        serial=new_serial(),
        blank=blank,
        pin_tries=pin_tries,
        puk_tries=puk_tries,
        cost=cost,
    )
    return open_card(VolatileMemory({application: state}), (application,))
