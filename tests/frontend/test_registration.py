"""What the registry gets: computed, in a registry in memory, in a file, and in a prefix of Wine."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PureWindowsPath

import pytest

from cardcore import KnownAtr, known_atrs
from csp_frontend import registration
from csp_frontend.command.registered import lines
from csp_frontend.command.root import EXIT_NO_AGENT, run
from csp_frontend.registration import (
    MACHINE,
    OWN,
    RUN,
    USER,
    Content,
    Key,
    RegistryError,
    Wanted,
    cards_key,
    entries,
    provider_key,
    read,
    register,
    unregister,
)
from csp_frontend.registry_files import reg_file
from csp_frontend.windows_registry import windows_registry
from csp_frontend.wine_registry import WineRegistry
from tests.frontend.wine import Wine

CARDS = (
    KnownAtr(profile="a", name="Card\\A", value=bytes.fromhex("3B0200"), mask=bytes.fromhex("FFFF00")),
    KnownAtr(profile="a", name="Card\\A", value=bytes.fromhex("3B0210"), mask=bytes.fromhex("FFFFF0")),
)
DLLS = {64: PureWindowsPath(r"C:\P F\x64.dll"), 32: PureWindowsPath(r"C:\P F\x86.dll")}
AGENT = '"C:\\P F\\personal-csp.exe" agent'
WANTED = Wanted(dlls=DLLS, cards=CARDS, agent=AGENT, at_login=True)
DEFAULT = Key(root=MACHINE, path=r"SOFTWARE\Microsoft\Cryptography\Defaults\Provider Types\Type 001")


class Memory:
    """A registry in a dictionary; `fail_at` lets a write end in the middle, as a power cut would."""

    def __init__(self) -> None:
        self.keys: dict[Key, dict[str, Content]] = {}
        self.fail_at: int | None = None

    def values(self, key: Key) -> dict[str, Content] | None:
        return self.keys.get(key)

    def below(self, key: Key) -> dict[str, dict[str, Content]]:
        start = key.path + "\\"
        return {
            one.path[len(start) :]: values
            for one, values in self.keys.items()
            if one.root == key.root and one.path.startswith(start) and "\\" not in one.path[len(start) :]
        }

    def write(self, keys: Mapping[Key, Mapping[str, Content]]) -> None:
        for number, (key, values) in enumerate(keys.items()):
            if number == self.fail_at:
                raise RegistryError("no rights")
            self.keys.setdefault(key, {}).update(values)

    def delete(self, keys: Sequence[Key], values: Sequence[tuple[Key, str]] = ()) -> None:
        for key in keys:
            self.keys.pop(key, None)
        for key, name in values:
            self.keys.get(key, {}).pop(name, None)


def test_what_is_written() -> None:
    found = entries(WANTED)
    assert found[provider_key(64)] == {"Image Path": r"C:\P F\x64.dll", "Type": 1, "SigInFile": 0}
    assert found[provider_key(32)]["Image Path"] == r"C:\P F\x86.dll"
    assert provider_key(32).path.startswith(r"SOFTWARE\WOW6432Node\Microsoft\Cryptography\Defaults\Provider")
    assert found[cards_key(64).below("Personal CSP: Card-A 2")] == {
        "ATR": bytes.fromhex("3B0210"),
        "ATRMask": bytes.fromhex("FFFFF0"),
        "Crypto Provider": "Personal CSP",
    }
    assert found[Key(root=USER, path=OWN)] == {"AgentCommand": AGENT}
    assert found[Key(root=USER, path=RUN)] == {"Personal CSP agent": AGENT}
    assert not any("Provider Types" in key.path for key in found)


def test_the_shipped_profiles_have_atrs_that_windows_can_compare() -> None:
    cards = known_atrs()
    assert len(cards) > 5
    assert all(len(card.value) == len(card.mask) for card in cards)
    assert all(byte & ~mask == 0 for card in cards for byte, mask in zip(card.value, card.mask, strict=True))


def test_nothing_is_left_behind_and_what_others_have_stays() -> None:
    registry = Memory()
    theirs = cards_key(64).below("Personal CSP: Card-A")
    before: dict[Key, dict[str, Content]] = {
        theirs: {"ATR": b"\x3b", "Crypto Provider": "Another CSP"},
        Key(root=USER, path=RUN): {"Other": "x"},
        DEFAULT: {"Name": "Microsoft Strong Cryptographic Provider"},
    }
    registry.keys = {key: dict(values) for key, values in before.items()}
    state = register(registry, WANTED)
    assert state.foreign == ("Personal CSP: Card-A",)
    assert state.dlls == {bits: str(path) for bits, path in DLLS.items()}
    assert state.at_login
    assert registry.keys[theirs] == before[theirs]
    assert registry.keys[DEFAULT] == before[DEFAULT]
    unregister(registry)
    assert registry.keys == before


@pytest.mark.parametrize("at", range(8))
def test_a_registration_that_is_cut_off_can_be_undone(at: int) -> None:
    registry = Memory()
    registry.fail_at = at
    if at < len(entries(WANTED)):
        with pytest.raises(RegistryError):
            register(registry, WANTED)
    else:
        register(registry, WANTED)
    unregister(registry)
    assert {key: values for key, values in registry.keys.items() if values} == {}


def test_a_new_registration_takes_the_place_of_the_old_one() -> None:
    registry = Memory()
    register(registry, WANTED)
    state = register(registry, Wanted(dlls={64: DLLS[64]}, cards=CARDS[:1]))
    assert (list(state.dlls), state.cards, state.agent) == ([64], {64: ("Personal CSP: Card-A",)}, AGENT)


def test_a_file_for_regedit() -> None:
    key, gone = Key(root=USER, path="A"), Key(root=MACHINE, path="B")
    assert reg_file({key: {'q"': "C:\\x", "n": 1, "b": b"\x01\xff"}}, [gone], [(key, "old")]) == (
        "Windows Registry Editor Version 5.00\n\n[-HKEY_LOCAL_MACHINE\\B]\n\n[HKEY_CURRENT_USER\\A]\n"
        '"old"=-\n\n[HKEY_CURRENT_USER\\A]\n"q\\""="C:\\\\x"\n"n"=dword:00000001\n"b"=hex:01,ff\n\n'
    )


def test_other_systems_have_no_registry(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RegistryError, match="not Windows"):
        windows_registry()
    assert run(["unregister"]) == 1
    assert "--wine" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("--agent", "personal-csp agent"), 2, "absolute path in quotes"),
        (("--at-login", "--agent", ""), 2, "--at-login needs"),
    ],
)
def test_what_is_refused(
    arguments: tuple[str, ...], status: int, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "personal-csp-x64.dll").touch()
    assert run(["register", "--dlls", str(tmp_path), *arguments]) == status
    assert said in capsys.readouterr().err


def test_without_dlls(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["register", "--dlls", str(tmp_path)]) == 1
    assert "tools/build_dll" in capsys.readouterr().err


@pytest.fixture(scope="module")
def wine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wine]:
    with Wine(tmp_path_factory.mktemp("wine")) as prefix:
        yield prefix


def test_in_wine(
    wine: Wine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in wine.env.items():
        monkeypatch.setenv(name, value)
    for name in ("personal-csp-x64.dll", "personal-csp-x86.dll"):
        (tmp_path / name).touch()
    registry = WineRegistry(wine.prefix)
    default = registry.values(DEFAULT)
    assert default
    agent = '"C:\\a b\\personal-csp.exe" agent'
    assert run(["register", "--wine", str(wine.prefix), "--dlls", str(tmp_path), "--agent", agent, "--at-login"]) == 0
    assert "64-bit programs find the provider in Z:" in capsys.readouterr().out
    state = read(registry)
    assert state.dlls == {
        bits: f"Z:{tmp_path}\\personal-csp-x{name}.dll".replace("/", "\\") for bits, name in ((64, 64), (32, 86))
    }
    assert (state.agent, state.at_login) == (agent, True)
    assert len(state.cards[64]) == len(state.cards[32]) == len(known_atrs())
    one = registry.below(cards_key(32))[state.cards[32][0]]
    assert isinstance(one["ATR"], bytes)
    assert one == registry.values(cards_key(32).below(state.cards[32][0]))
    assert registry.values(DEFAULT) == default
    monkeypatch.setenv("PERSONAL_CSP_DIR", str(tmp_path))
    (tmp_path / "personal-csp-x86.dll").unlink()
    assert run(["status", "--json", "--wine", str(wine.prefix)]) == EXIT_NO_AGENT
    told = json.loads(capsys.readouterr().out)
    assert told == {
        "registration": {
            "views": {
                "64": {"dll": state.dlls[64], "dll_exists": True, "cards": list(state.cards[64])},
                "32": {"dll": state.dlls[32], "dll_exists": False, "cards": list(state.cards[32])},
            },
            "foreign_cards": [],
            "agent": agent,
            "at_login": True,
        }
    }
    assert run(["unregister", "--wine", str(wine.prefix)]) == 0
    assert read(registry) == registration.Registered(dlls={})
    assert registry.values(provider_key(64)) is None
    assert registry.values(Key(root=USER, path=OWN)) is None
    capsys.readouterr()
    assert run(["status", "--wine", str(wine.prefix)]) == EXIT_NO_AGENT
    assert capsys.readouterr().out == "The provider is not registered.\n"


def test_what_is_told_of_a_registration(tmp_path: Path) -> None:
    registry = Memory()
    (tmp_path / "64.dll").touch()
    register(registry, Wanted(dlls={64: PureWindowsPath(str(tmp_path / "64.dll"))}, cards=CARDS))
    registry.keys[cards_key(32).below("Personal CSP: Card-A")] = {"Crypto Provider": "Another CSP"}
    (tmp_path / "dosdevices").mkdir()
    (tmp_path / "dosdevices" / "z:").symlink_to("/")
    place = f"Z:{tmp_path}".replace("/", "\\")
    registry.keys[provider_key(64)]["Image Path"] = place + "\\64.dll"
    assert lines(read(registry), tmp_path) == [
        f"64-bit programs find the provider in {place}\\64.dll",
        "  cards that are known as its: 2",
        "32-bit programs do not find the provider.",
        "  cards that are known as its: 0",
        "  left to whoever registered it: Personal CSP: Card-A",
        "Programs do not start the agent.",
    ]
    (tmp_path / "64.dll").unlink()
    assert lines(read(registry), tmp_path)[0].endswith("64.dll, which is not there")
    del registry.keys[provider_key(64)]
    assert lines(read(registry), tmp_path)[0] == "64-bit programs do not find the provider."
