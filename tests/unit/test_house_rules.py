"""Keeps the house rules: what a file may import, how large it may be, what it must not say."""

from __future__ import annotations

import ast
import json
import subprocess
import sys

import pytest

from tests.unit import house

HEAVY = ("smartcard", "cryptography", "yaml", "construct")

# (rule, file, what goes against the rule)
OFFENCES = (
    ("layers", "cardcore/tlv.py", "import cardcore.channel"),
    ("layers", "cardcore/pin.py", "def late():\n    from cardcore.transport.base import Transport"),
    ("layers", "cardcore/engine.py", "from .card import Card"),
    ("layers", "cardcore/profile/loader.py", "from ..transport import base"),
    ("layers", "cardcore/softcard/keys.py", "from cardcore import padding"),
    ("layers", "cardcore/card.py", "from cardcore import Card"),
    ("layers", "cardcore/cli/keys.py", "import csp_frontend"),
    ("layers", "cardcore/novelty.py", ""),
    ("public_face", "csp_frontend/provider.py", "from cardcore.transport.base import Transport"),
    ("public_face", "csp_frontend/provider.py", "from cardcore import engine"),
    ("windows_names", "cardcore/errors.py", "code = NTE_FAIL"),
    ("windows_names", "cardcore/errors.py", "# as CRYPT_NOHASHOID asks"),
    ("windows_names", "cardcore/errors.py", "import winreg"),
    ("windows_names", "cardcore/errors.py", "from ctypes import windll"),
    ("card_families", "cardcore/engine.py", "# OpenPGP is different"),
    ("card_families", "cardcore/engine.py", "if family == 'piv': ..."),
    ("card_families", "cardcore/engine.py", "class YubiKeyQuirk: ..."),
    ("card_families", "cardcore/engine.py", "gids_container = 1"),
    ("card_families", "cardcore/engine.py", "'the SC-HSM answers'"),
    ("third_party", "cardcore/card.py", "from construct import Struct"),
    ("third_party", "cardcore/channel.py", "import smartcard.scard"),
    ("third_party", "cardcore/profile/model.py", "import yaml"),
    ("third_party", "csp_frontend/agent.py", "import requests"),
    ("module_size", "tools/record.py", "\n" * 401),
    ("function_size", "tests/unit/test_long.py", "def long():\n" + "    pass\n" * 50),
    ("nesting", "cardcore/sw.py", "def f():\n if a:\n  for b in c:\n   with d:\n    while e: pass"),
    (
        "nesting",
        "cardcore/sw.py",
        "def f():\n try: pass\n except E:\n  if a: pass\n  else:\n   for b in c:\n    if b: pass",
    ),
    ("statements", "cardcore/sw.py", "from os import *"),
    ("statements", "cardcore/sw.py", "try: pass\nexcept: pass"),
    ("statements", "cardcore/sw.py", "def f():\n    global state\n    state = 1"),
    ("passed_on_keywords", "cardcore/card.py", "def sign(**options): return other(**options)"),
    (
        "passed_on_keywords",
        "cardcore/card.py",
        "class _Card:\n    def __init__(self, **more): super().__init__(**more)",
    ),
    ("file_names", "cardcore/profile/utils.py", ""),
    ("file_names", "tests/helpers/card.py", ""),
    ("unfinished", "cardcore/card.py", "# TODO: later"),
    ("unfinished", "cardcore/card.py", "def f(): raise NotImplementedError"),
    ("docstrings", "cardcore/card.py", "def sign(): ..."),
    ("docstrings", "cardcore/card.py", "class Card:\n    '''A card.'''\n    def sign(self): ..."),
    ("dataclasses", "cardcore/card.py", "@dataclass\nclass _Key: ..."),
    (
        "dataclasses",
        "cardcore/card.py",
        "@dataclasses.dataclass(frozen=False, slots=True, kw_only=True)\nclass _Key: ...",
    ),
    ("ignores", "cardcore/card.py", "import os  # noqa: F401"),
    ("ignores", "tests/unit/test_card.py", "x = y()  # type: ignore[misc]"),
)

# (file, what every rule lets pass)
GOOD_EXAMPLES = (
    (
        "cardcore/sw.py",
        "def _f():\n if a: pass\n elif b: pass\n elif c: pass\n elif d:\n  for e in f:\n   with g: pass",
    ),
    ("cardcore/sw.py", "def _f():\n for a in b:\n  for c in d:\n   def g():\n    for e in f: pass"),
    ("cardcore/transport/soft.py", "def _start():\n    from cardcore.softcard.card import SoftCard"),
    ("cardcore/transport/pcsc.py", "from smartcard.scard import SCardConnect"),
    ("cardcore/cli/info.py", "import click\nfrom cardcore import Card, errors\nfrom .output import table"),
    ("cardcore/directory/piv.py", "NAME = 'PIV'"),
    ("cardcore/engine.py", "# a pivot, the card OS, an isolated applet"),
    ("cardcore/card.py", "@dataclass(frozen=True, slots=True, kw_only=True)\nclass _Key: ..."),
    ("cardcore/card.py", "@property\ndef x(self):\n    '''X.'''\n@x.setter\ndef x(self, value): ..."),
    ("cardcore/card.py", "def run(*a: P.args, **k: P.kwargs):\n    '''Run.'''\n    return _f(*a, **k)"),
    ("cardcore/card.py", "import os  # noqa: F401 - named for those who import it from here"),
    ("csp_frontend/provider.py", "from cardcore import Card\nfrom cardcore.errors import CardError\nNTE_FAIL = 1"),
)


def _broken(name: str, text: str) -> set[str]:
    source = house.Source(name=name, text=text)
    return {line.rpartition("[")[2].rstrip("]") for line in house.findings(source)}


@pytest.mark.parametrize("name", house.python_files())
def test_a_file_keeps_the_house_rules(name: str) -> None:
    text = (house.ROOT / name).read_text(encoding="utf-8")
    if found := list(house.findings(house.Source(name=name, text=text))):
        pytest.fail("\n".join(["against the house rules:", *found]), pytrace=False)


@pytest.mark.parametrize(("rule", "name", "text"), OFFENCES)
def test_an_offence_is_found(rule: str, name: str, text: str) -> None:
    assert rule in _broken(name, text)


@pytest.mark.parametrize(("name", "text"), GOOD_EXAMPLES)
def test_good_code_passes(name: str, text: str) -> None:
    assert _broken(name, text) == set()


def test_every_rule_is_shown_to_fail() -> None:
    assert {rule.__name__ for rule in house.RULES} == {rule for rule, _, _ in OFFENCES}


def test_the_layers_have_no_circle() -> None:
    placed: set[str] = {"cardcore"}
    waiting = dict(house.LAYERS)
    while ready := [part for part, below in waiting.items() if below <= placed]:
        placed.update(ready)
        for part in ready:
            del waiting[part]
    assert not waiting


@pytest.mark.parametrize("part", ["profile", "pin", "padding"])
def test_commands_are_made_without_a_reader(part: str) -> None:
    reached = {part}
    for _ in house.LAYERS:
        reached |= {below for above in reached for below in house.LAYERS[above]}
    assert not reached & {"transport", "channel", "softcard"}


def test_mutable_dataclasses_are_still_there() -> None:
    for (name, wanted), reason in house.MUTABLE_DATACLASSES.items():
        tree = ast.parse((house.ROOT / name).read_text(encoding="utf-8"))
        assert reason
        assert wanted in {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}


@pytest.mark.skipif(not (house.ROOT / "cardcore" / "cli").is_dir(), reason="there is no command yet")
def test_help_loads_nothing_heavy() -> None:
    program = (
        "import json, sys\n"
        "sys.argv = ['cardcore', '--help']\n"
        "from cardcore.cli import main\n"
        "try:\n    status = main()\n"
        "except SystemExit as end:\n    status = end.code\n"
        "print(json.dumps([status or 0, sorted({name.partition('.')[0] for name in sys.modules})]), file=sys.stderr)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], cwd=house.ROOT, capture_output=True, text=True, check=True)
    status, loaded = json.loads(ended.stderr.splitlines()[-1])
    assert status == 0
    assert "usage" in ended.stdout.lower()
    assert not set(HEAVY) & set(loaded)
