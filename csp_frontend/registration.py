"""What Windows' registry has to say so that programs find the provider: computed here, put there by a `Registry`.

The provider never becomes the default of its type. Entries of others are left as they are. What is ours is known by the
provider's name in it, so that it can be taken away also after a registration that did not come to its end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PureWindowsPath
from typing import Protocol

from cardcore import KnownAtr
from cardcore.errors import CardError
from csp_frontend.constants import PROV_RSA_FULL, PROVIDER_NAME

MACHINE, USER = "HKEY_LOCAL_MACHINE", "HKEY_CURRENT_USER"
VIEWS: Mapping[int, str] = {64: r"SOFTWARE\Microsoft", 32: r"SOFTWARE\WOW6432Node\Microsoft"}
"""Where 64- and 32-bit programs look, by the names that a 64-bit program sees."""
OWN = r"Software\Personal CSP"
AGENT_COMMAND = "AgentCommand"
RUN = r"Software\Microsoft\Windows\CurrentVersion\Run"
RUN_NAME = "Personal CSP agent"
_PROVIDERS = r"Cryptography\Defaults\Provider"
_CARDS = r"Cryptography\Calais\SmartCards"
_CARD_PROVIDER = "Crypto Provider"
_OUR_NAMES = "Personal CSP: "

Content = str | int | bytes


class RegistryError(CardError):
    """The registry cannot be read or written."""

    code = "registry"
    default_hint = "Registering for all users takes an administrator's rights."


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key of the registry by its root and path."""

    root: str
    path: str

    def below(self, name: str) -> Key:
        """The key `name` in this one."""
        return Key(root=self.root, path=f"{self.path}\\{name}")


class Registry(Protocol):
    """The registry, or one that stands for it. Every method raises RegistryError."""

    def values(self, key: Key) -> dict[str, Content] | None:
        """The values of a key by name; None if there is no such key."""
        ...

    def below(self, key: Key) -> dict[str, dict[str, Content]]:
        """The keys right in a key by their names, each with its values; none if there is no such key."""
        ...

    def write(self, keys: Mapping[Key, Mapping[str, Content]]) -> None:
        """Set values, and make the keys that are missing."""
        ...

    def delete(self, keys: Sequence[Key], values: Sequence[tuple[Key, str]] = ()) -> None:
        """Remove keys with all that is in them, and single values; those that are not there are no error."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be registered: the DLLs by their width in bits, the cards, how the agent is started.

    `agent` is a command line whose program is an absolute path in quotes; empty: programs do not start it.
    """

    dlls: Mapping[int, PureWindowsPath]
    cards: Sequence[KnownAtr] = ()
    agent: str = ""
    at_login: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """What is registered: the DLLs' paths and the names of our cards by width, the agent's command, what login starts.

    `foreign` are cards that others have registered under the names of ours; they are left to them.
    """

    dlls: Mapping[int, str]
    cards: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    agent: str = ""
    at_login: bool = False
    foreign: tuple[str, ...] = ()


def provider_key(bits: int) -> Key:
    """Where programs of this width look for the provider."""
    return Key(root=MACHINE, path=f"{VIEWS[bits]}\\{_PROVIDERS}\\{PROVIDER_NAME}")


def cards_key(bits: int) -> Key:
    """Where the ATRs of known cards are."""
    return Key(root=MACHINE, path=f"{VIEWS[bits]}\\{_CARDS}")


def entries(wanted: Wanted) -> dict[Key, dict[str, Content]]:
    """Every key and value for this, whatever is there already."""
    found: dict[Key, dict[str, Content]] = {}
    for bits, dll in sorted(wanted.dlls.items()):
        found[provider_key(bits)] = {"Image Path": str(dll), "Type": PROV_RSA_FULL, "SigInFile": 0}
        for name, card in _named(wanted.cards):
            values: dict[str, Content] = {"ATR": card.value, "ATRMask": card.mask, _CARD_PROVIDER: PROVIDER_NAME}
            found[cards_key(bits).below(name)] = values
    if wanted.agent:
        found[Key(root=USER, path=OWN)] = {AGENT_COMMAND: wanted.agent}
    if wanted.agent and wanted.at_login:
        found[Key(root=USER, path=RUN)] = {RUN_NAME: wanted.agent}
    return found


def _named(cards: Iterable[KnownAtr]) -> Iterator[tuple[str, KnownAtr]]:
    """The cards with names of their own: the profile's, numbered where it has several ATRs."""
    counted: dict[str, int] = {}
    for card in cards:
        counted[card.name] = counted.get(card.name, 0) + 1
        number = f" {counted[card.name]}" if counted[card.name] > 1 else ""
        yield f"{_OUR_NAMES}{card.name.replace(chr(92), '-')}{number}", card


def register(registry: Registry, wanted: Wanted) -> Registered:
    """Write what is wanted, in place of what was registered before; cards that others have are left to them."""
    unregister(registry, also_user=bool(wanted.agent))
    found = entries(wanted)
    foreign = {key for key in found if _is_foreign(registry, key)}
    registry.write({key: values for key, values in found.items() if key not in foreign})
    return read(registry)


def _is_foreign(registry: Registry, key: Key) -> bool:
    """Whether a card's key is there and names another provider."""
    if _CARDS not in key.path:
        return False
    values = registry.values(key)
    return values is not None and not _is_ours(values)


def unregister(registry: Registry, *, also_user: bool = True) -> None:
    """Take away all that is ours, and nothing else; `also_user`: how this user's agent is started, too."""
    gone = [provider_key(bits) for bits in VIEWS]
    gone += [cards_key(bits).below(name) for bits in VIEWS for name in _our_cards(registry, bits)]
    values: list[tuple[Key, str]] = []
    if also_user:
        gone.append(Key(root=USER, path=OWN))
        values.append((Key(root=USER, path=RUN), RUN_NAME))
    registry.delete(gone, values)


def _our_cards(registry: Registry, bits: int) -> list[str]:
    return [name for name, values in registry.below(cards_key(bits)).items() if _is_ours(values)]


def _is_ours(values: Mapping[str, Content]) -> bool:
    return values.get(_CARD_PROVIDER) == PROVIDER_NAME


def read(registry: Registry) -> Registered:
    """What is registered now."""
    dlls, cards, foreign = {}, {}, set()
    for bits in VIEWS:
        path = (registry.values(provider_key(bits)) or {}).get("Image Path")
        if isinstance(path, str):
            dlls[bits] = path
        there = registry.below(cards_key(bits))
        cards[bits] = tuple(sorted(name for name, values in there.items() if _is_ours(values)))
        foreign |= {name for name in there if name.startswith(_OUR_NAMES) and name not in cards[bits]}
    agent = (registry.values(Key(root=USER, path=OWN)) or {}).get(AGENT_COMMAND)
    login = (registry.values(Key(root=USER, path=RUN)) or {}).get(RUN_NAME)
    return Registered(
        dlls=dlls,
        cards={bits: names for bits, names in cards.items() if names},
        agent=agent if isinstance(agent, str) else "",
        at_login=isinstance(login, str),
        foreign=tuple(sorted(foreign)),
    )
