"""Reads the issuers of a plan into their settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from cardcore.personalise.issuers.settings import (
    CardCa,
    Checks,
    CmpCa,
    CommandCa,
    EstCa,
    IssuerSettings,
    LocalCa,
    Mac,
    Offline,
    SigningRules,
    Strictness,
)
from cardcore.personalise.plan_scope import Scope
from cardcore.profile import reader
from cardcore.profile.tree import Tree, shown

CHECK_KEYS = ("trust", "contents")
RULE_KEYS = ("index", "hash", "crl", "ocsp", "above")
LOCAL_KEYS = ("certificate", "key", "passphrase", *RULE_KEYS, "checks")
CARD_KEYS = ("reader", "profile", "key", "pin", "certificate", *RULE_KEYS, "checks")
COMMAND_KEYS = (
    *("run", "ask", "timeout", "unreachable", "refused", "pending", "environment", "idempotent"),
    "checks",
)
EST_KEYS = (
    *("url", "trust", "label", "certificate", "key", "passphrase", "user", "password", "timeout", "idempotent"),
    "checks",
)
CMP_KEYS = (
    *("url", "certificate", "key", "passphrase", "server_trust", "secret_reference", "secret", "mac", "trust"),
    *("plain_http", "recipient", "sender", "implicit", "timeout", "wait", "idempotent", "checks"),
)
OFFLINE_KEYS = ("requests", "certificates", "checks")
HASHES = ("sha256", "sha384", "sha512")

_INDEX_SUFFIX = ".issued.db"
MOST_SECONDS = 3600
_MOST_STATUS = 255


def read_issuers(node: Tree, scope: Scope, stem: str) -> dict[str, IssuerSettings]:
    """The issuers by name; `stem` begins the names of files that a CA of one's own keeps beside the plan."""
    found: dict[str, IssuerSettings] = {}
    for key, value in scope.problems.attempt((), reader.entries, node, "a mapping of issuers"):
        name = scope.problems.attempt("", reader.name, key)
        index = scope.folder / f"{stem}.{name}{_INDEX_SUFFIX}"
        settings = scope.problems.attempt(None, _issuer, value, scope, index)
        if name and settings is not None:
            found[name] = settings
    return found


def _issuer(node: Tree, scope: Scope, index: Path) -> IssuerSettings:
    section = reader.section(node, tuple(KINDS), "an issuer")
    if len(section.node.entries) != 1:
        raise node.place.error(f"expected one of {', '.join(KINDS)}, found {shown(node)}")
    key, value = section.node.entries[0]
    keys, read = KINDS[key.text]
    return read(reader.section(value, keys, f"an issuer of the kind {key.text}"), scope, index)


def _checks(section: reader.Section, scope: Scope) -> Checks:
    node = section.get("checks")
    if node is None:
        return Checks()
    checks = reader.section(node, CHECK_KEYS, "the checks of an issuer")
    return Checks(
        trust=checks.read("trust", scope.file, None),
        contents=checks.read("contents", lambda value: reader.form(value, Strictness), Strictness.DENY),
    )


def _rules(section: reader.Section, scope: Scope, index: Path) -> SigningRules:
    return SigningRules(
        index=section.read("index", scope.parent, index),
        hash_name=section.read("hash", lambda value: reader.choice(value, HASHES), "sha256"),
        crl_urls=section.read("crl", _texts, ()),
        ocsp_urls=section.read("ocsp", _texts, ()),
        issuer_urls=section.read("above", _texts, ()),
    )


def _texts(node: Tree) -> tuple[str, ...]:
    return tuple(reader.text(item) for item in reader.one_or_more(node))


def _statuses(node: Tree) -> frozenset[int]:
    return frozenset(reader.integer(item, 1, _MOST_STATUS) for item in reader.one_or_more(node))


def _seconds(node: Tree) -> float:
    return float(reader.integer(node, 1, MOST_SECONDS))


def _pause(node: Tree) -> float:
    return float(reader.integer(node, 0, MOST_SECONDS))


def _local(section: reader.Section, scope: Scope, index: Path) -> LocalCa:
    return LocalCa(
        key=scope.file(section.need("key")),
        certificate=section.read("certificate", scope.file, None),
        passphrase=section.read("passphrase", scope.source, None),
        rules=_rules(section, scope, index),
        checks=_checks(section, scope),
    )


def _card(section: reader.Section, scope: Scope, index: Path) -> CardCa:
    return CardCa(
        reader=reader.text(section.need("reader")),
        key=reader.text(section.need("key")),
        pin=scope.source(section.need("pin")),
        certificate=section.read("certificate", scope.file, None),
        profile=section.read("profile", reader.name, None),
        rules=_rules(section, scope, index),
        checks=_checks(section, scope),
    )


def _command(section: reader.Section, scope: Scope, index: Path) -> CommandCa:
    usual = CommandCa(arguments=())
    return CommandCa(
        arguments=_texts(section.need("run")),
        ask=section.read("ask", _texts, usual.ask),
        timeout=section.read("timeout", _seconds, usual.timeout),
        unreachable=section.read("unreachable", _statuses, usual.unreachable),
        refused=section.read("refused", _statuses, usual.refused),
        pending=section.read("pending", _statuses, usual.pending),
        environment=section.read("environment", _texts, usual.environment),
        idempotent=section.read("idempotent", reader.boolean, usual.idempotent),
        checks=_checks(section, scope),
    )


def _est(section: reader.Section, scope: Scope, index: Path) -> EstCa:
    usual = EstCa(url="", trust=index)
    return EstCa(
        url=reader.text(section.need("url")),
        trust=scope.file(section.need("trust")),
        label=section.read("label", reader.text, usual.label),
        certificate=section.read("certificate", scope.file, None),
        key=section.read("key", scope.file, None),
        passphrase=section.read("passphrase", scope.source, None),
        user=section.read("user", reader.text, usual.user),
        password=section.read("password", scope.source, None),
        timeout=section.read("timeout", _seconds, usual.timeout),
        idempotent=section.read("idempotent", reader.boolean, usual.idempotent),
        checks=_checks(section, scope),
    )


def _cmp(section: reader.Section, scope: Scope, index: Path) -> CmpCa:
    usual = CmpCa(url="")
    found = CmpCa(
        url=reader.text(section.need("url")),
        certificate=section.read("certificate", scope.file, None),
        key=section.read("key", scope.file, None),
        passphrase=section.read("passphrase", scope.source, None),
        server_trust=section.read("server_trust", scope.file, None),
        secret_reference=section.read("secret_reference", reader.text, usual.secret_reference),
        secret=section.read("secret", scope.source, None),
        mac=section.read("mac", lambda value: reader.form(value, Mac), usual.mac),
        trust=section.read("trust", scope.file, None),
        plain_http=section.read("plain_http", reader.boolean, usual.plain_http),
        recipient=section.read("recipient", reader.text, usual.recipient),
        sender=section.read("sender", reader.text, usual.sender),
        implicit=section.read("implicit", reader.boolean, usual.implicit),
        timeout=section.read("timeout", _seconds, usual.timeout),
        wait=section.read("wait", _pause, usual.wait),
        idempotent=section.read("idempotent", reader.boolean, usual.idempotent),
        checks=_checks(section, scope),
    )
    _require_protection(section, found)
    return found


def _require_protection(section: reader.Section, found: CmpCa) -> None:
    """An error for settings by which no message could be protected, or no server known."""
    place = section.node.place
    if (found.secret is None) == (found.key is None):
        raise place.error(
            "messages of CMP are protected by a shared secret or by a key",
            "Give `secret` and `secret_reference`, or `key`, `certificate` and `server_trust`.",
        )
    if found.secret is not None and not found.secret_reference:
        raise place.error("the shared secret has no name", "Say as `secret_reference` how the CA calls it.")
    if found.key is not None and found.server_trust is None:
        raise place.error("nobody knows whose answers may be trusted", "Name the certificates as `server_trust`.")
    if found.trust is None and not found.plain_http:
        raise place.error("nobody knows which server may be trusted", "Name the CA of its TLS certificate as `trust`.")


def _offline(section: reader.Section, scope: Scope, index: Path) -> Offline:
    return Offline(
        requests=scope.parent(section.need("requests")),
        certificates=scope.parent(section.need("certificates")),
        checks=_checks(section, scope),
    )


Read = Callable[[reader.Section, Scope, Path], IssuerSettings]

KINDS: Mapping[str, tuple[tuple[str, ...], Read]] = {
    "local": (LOCAL_KEYS, _local),
    "card": (CARD_KEYS, _card),
    "command": (COMMAND_KEYS, _command),
    "est": (EST_KEYS, _est),
    "cmp": (CMP_KEYS, _cmp),
    "offline": (OFFLINE_KEYS, _offline),
}
"""The kinds of issuer by the key that a plan names them with: what may stand there, and how it is read."""
