"""The same commands on every kind of software card that there is."""

from __future__ import annotations

import pytest

from cardcore.softcard import application_names, factory_secrets
from tests.unit.cli.openssl import openssl
from tests.unit.cli.shell import QUICK, Ended, Shell
from tests.unit.cli.test_documents import assert_documented

TEXT = b"the same on every card"


class Owner:
    """A person with a new card of some family, and its published secrets."""

    def __init__(self, shell: Shell, application: str) -> None:
        self.shell = shell
        secrets = factory_secrets(application)
        shell.store.create("card", application, cost=QUICK)
        admin = secrets.admin or b""
        self.admin = admin.decode() if admin.isascii() and admin.decode().isprintable() else admin.hex()
        self.pin = (secrets.pin or b"").decode()
        shell.monkeypatch.setenv("PIN", self.pin)
        shell.monkeypatch.setenv("ADMIN", self.admin)
        self.given = ("--pin", "env:PIN", *(("--admin", "env:ADMIN") if admin else ()))

    def __call__(self, *arguments: str, stdin: bytes = b"") -> Ended:
        """Run a command on the card that has to succeed."""
        ended = self.shell("--reader", "soft:card", *arguments, stdin=stdin)
        assert ended.status == 0, ended.err
        return ended

    @property
    def profile(self) -> str:
        """The profile that drives the card."""
        return str(self("--json", "info").json["profile"]["id"])

    @property
    def key(self) -> str:
        """The first place for a key that signs."""
        keys = self("--json", "profile", "show", self.profile).json["keys"]
        return next(str(key["name"]) for key in keys if "sign" in key["usage"])


@pytest.fixture(params=application_names())
def owner(shell: Shell, request: pytest.FixtureRequest) -> Owner:
    return Owner(shell, str(request.param))


def test_key_signature_certificate(owner: Owner) -> None:
    key = owner.key
    owner("key", "generate", key, "--type", "rsa2048", *owner.given, "--out", "key.pem")
    owner("sign", "--key", key, "--pin", "env:PIN", "--out", "sig", stdin=TEXT)
    openssl("dgst", "-sha256", "-verify", "key.pem", "-signature", "sig", stdin=TEXT)
    owner("cert", "self-sign", key, "--subject", "CN=A", *owner.given, "--out", "crt")
    openssl("verify", "-check_ss_sig", "-CAfile", "crt", "crt")
    info = owner("--json", "info").json
    assert [entry["certificate"] for entry in info["keys"]] == [True]
    assert [entry["subject"] for entry in info["certificates"]] == ["CN=A"]
    assert owner("cert", "export", key).raw == (owner.shell.folder / "crt").read_bytes()
    owner("verify", "--key", key, "--signature", "sig", stdin=TEXT)
    owner("cert", "delete", key, *owner.given)
    assert owner("--json", "cert", "list").json["certificates"] == []


def test_a_key_is_called_otherwise(owner: Owner) -> None:
    """Where the card keeps names of keys; the others say so, before they ask for any secret."""
    key, shell = owner.key, owner.shell
    owner("key", "generate", key, "--type", "rsa2048", *owner.given)
    rename = ("--reader", "soft:card", "--json", "key", "rename")
    if owner.profile not in ("gids", "isoapplet"):
        ended = shell(*rename, key, "Anne")
        assert (ended.status, ended.error["code"]) == (6, "not-supported")
        return
    (old,) = owner("--json", "key", "list").json["keys"]
    (other,) = (name for name in ("1", "2") if name != key)
    assert shell(*rename, other, "Anne").error["code"] == "not-found"
    assert shell(*rename, key, "Anne").error["message"].startswith("the PIN is needed")
    renamed = owner("--json", "key", "rename", key, "Ann\u00e9", "--pin", "env:PIN").json
    assert_documented("key rename", renamed)
    assert renamed == {"key": key, "label": "Ann\u00e9", "before": old["label"]}
    assert owner("--json", "info").json["keys"] == [{**old, "label": "Ann\u00e9"}]
    assert f"{key}    Ann\u00e9   rsa2048" in owner("key", "list").out
    assert shell(*rename, key, "A\nnne", "--pin", "env:PIN").error["code"] == "usage"
    assert shell(*rename, key, "x" * 256, "--pin", "env:PIN").error["code"] == "input"
    said = owner("key", "rename", key, "Bo", "--pin", "env:PIN").out
    assert said == f"the key in {key} is called Bo now; before it was Ann\u00e9\n"


def test_secrets_are_asked_for_as_they_are_needed(owner: Owner) -> None:
    """On a terminal nothing has to be given; nothing is asked for twice, and nothing that is not needed."""
    key, shell = owner.key, owner.shell
    owner("key", "generate", key, "--type", "rsa2048", *owner.given)
    prompts: list[str] = []

    def ask(prompt: str) -> str:
        prompts.append(prompt)
        return owner.admin if "admin" in prompt.lower() else owner.pin

    shell.terminal()
    shell.monkeypatch.setattr("getpass.getpass", ask)
    owner("cert", "self-sign", key, "--subject", "CN=A")
    assert len(prompts) == len(set(prompts)) <= 2
    assert sum("admin" not in prompt.lower() for prompt in prompts) == 1


def test_the_pin_is_asked_for_where_only_the_card_knows_that_it_is_needed(owner: Owner) -> None:
    """Files of a PKCS#15 card have their own rules, which no profile tells; nor does it for a cardholder's objects."""
    key = owner.key
    owner("key", "generate", key, "--type", "rsa2048", *owner.given)
    owner("cert", "self-sign", key, "--subject", "CN=A", *owner.given)
    admin = owner.given[2:] if owner.profile != "gids" else ()
    prompts = owner.shell.terminal(owner.pin, owner.pin)
    owner("cert", "delete", key, *admin)
    assert prompts == ([] if admin else ["PIN: "])
    if owner.profile == "openpgp":
        owner("object", "read", "private-3", "--decode")
        assert prompts == ["PIN: "]


def test_a_wrong_pin_costs_one_try(owner: Owner) -> None:
    owner.shell.monkeypatch.setenv("WRONG", "9" * len(owner.pin))
    before = owner("--json", "pin", "status", "--name", "user").json["pins"][0]["tries_left"]
    ended = owner.shell("--reader", "soft:card", "--json", "pin", "verify", "--pin", "env:WRONG")
    assert (ended.status, ended.error["tries_left"]) == (4, before - 1)
    owner("pin", "verify", "--pin", "env:PIN")


@pytest.mark.parametrize("blank", [False, True])
@pytest.mark.parametrize("application", application_names())
def test_a_software_card_is_listed_as_it_tells_about_itself(shell: Shell, application: str, blank: bool) -> None:
    """Serial number and secrets are those that the card has: some families get them from `init` only."""
    create = ("--json", "soft", "create", "card", "--application", application, *(("--blank",) if blank else ()))
    made = shell(*create).json
    told = shell("--reader", "soft:card", "--json", "info").json["serial"]
    listed = {card["name"]: card for card in shell("--json", "soft", "list").json["cards"]}
    assert made["serial"] == listed["card"]["serial"] == told
    without = blank and application in ("isoapplet", "gids")
    assert (told is None) == without
    assert (set(made["secrets"].values()) == {None}) == without
    if not without:
        shell.monkeypatch.setenv("PIN", made["secrets"]["pin"])
        assert shell("--reader", "soft:card", "pin", "verify", "--pin", "env:PIN").status == 0


@pytest.mark.parametrize("application", ["isoapplet", "gids"])
def test_a_secret_for_a_card_that_gets_it_later_is_refused(shell: Shell, application: str) -> None:
    create = ("soft", "create", "card", "--application", application, "--blank", "--pin", "env:PIN")
    ended = shell("--json", *create)
    assert (ended.status, ended.error["code"]) == (1, "input")
    assert [card["name"] for card in shell("--json", "soft", "list").json["cards"]] == ["alice"]


def test_a_key_type_that_cannot_be_is_refused_before_secrets_are_asked_for(owner: Owner) -> None:
    """Neither --pin nor --admin is given, and there is no terminal: the refusal comes first."""
    openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:512", "-out", "small.key")
    for line in (("generate", owner.key, "--type", "rsa512"), ("import", owner.key, "small.key")):
        ended = owner.shell("--reader", "soft:card", "--json", "key", *line)
        assert (ended.status, ended.error["code"]) == (6, "not-supported")
    possible = owner.shell("--reader", "soft:card", "--json", "key", "generate", owner.key, "--type", "rsa2048")
    assert (possible.status, possible.error["code"]) == (2, "usage")
