"""From a plan's file to a plan: strict YAML, every part checked, and everything that is wrong told with its place."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from io import BytesIO, TextIOWrapper
from pathlib import Path

from cardcore.errors import ProfileError
from cardcore.personalise.card_reading import CardReader
from cardcore.personalise.holders import columns
from cardcore.personalise.issuer_reading import read_issuers
from cardcore.personalise.letter_reading import read_letters, recipient
from cardcore.personalise.plan import (
    VERSION,
    CardPlan,
    CsvHolders,
    HoldersSettings,
    JsonHolders,
    Plan,
    Random,
    SqlHolders,
)
from cardcore.personalise.plan_parts import written_parts
from cardcore.personalise.plan_scope import Scope
from cardcore.profile import reader
from cardcore.profile.catalog import Catalog, catalog
from cardcore.profile.loader import MAX_BYTES, load_tree
from cardcore.profile.tree import MapNode, Scalar, Tree

PLAN_KEYS = ("plan", "name", "holders", "recipients", "issuers", "cards", "letters")
HOLDERS_KEYS = ("csv", "jsonl", "sql", "id", "delimiter", "encoding")
SQL_KEYS = ("url", "query")
KINDS = ("csv", "jsonl", "sql")

_MAX_NAME = 200
_DELIMITERS = ",;|:!#$%&*+/<=>?@^_~"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanDraft:
    """A plan as far as it could be read, what is wrong with it, and what may be meant otherwise."""

    plan: Plan | None
    problems: tuple[ProfileError, ...] = ()
    doubts: tuple[ProfileError, ...] = ()


def read_plan(path: Path, shelf: Catalog | None = None) -> Plan:
    """The plan in a file; ProfileError for the first thing that is wrong with it. `shelf` holds the profiles.

    Files that it names have to be there. No card, no issuer and no database is asked, no secret is read.
    """
    draft = draft_plan(path, shelf)
    if draft.plan is None:
        raise draft.problems[0]
    return draft.plan


def draft_plan(path: Path, shelf: Catalog | None = None) -> PlanDraft:
    """As `read_plan`, with everything that is wrong, in the order of the file."""
    problems, doubts = reader.Problems(), reader.Problems()
    plan = problems.attempt(None, _Reader(path, problems, doubts, shelf).read)
    wrong = tuple(sorted(problems.found, key=lambda error: (error.line, error.column)))
    return PlanDraft(plan=None if wrong else plan, problems=wrong, doubts=tuple(doubts.found))


class _Reader:
    def __init__(self, path: Path, problems: reader.Problems, doubts: reader.Problems, shelf: Catalog | None) -> None:
        self._path = path
        self._problems = problems
        self._doubts = doubts
        self._shelf = shelf or catalog()

    def read(self) -> Plan | None:
        data = self._content()
        tree = load_tree(data, str(self._path))
        section = reader.section(tree, PLAN_KEYS, "a plan")
        self._check_version(section.need("plan"))
        holders = self._problems.attempt(None, self._holders, section)
        known = self._problems.attempt(None, self._columns, holders)
        scope = self._scope(known)
        attempt = self._problems.attempt
        name = attempt("", lambda: _name(section.need("name")))
        issuers = attempt({}, section.read, "issuers", lambda node: read_issuers(node, scope, self._path.stem), {})
        names = _names(section.get("issuers"))
        cards = attempt({}, lambda: self._cards(section.need("cards"), scope, names))
        recipients = attempt((), section.read, "recipients", lambda node: _recipients(node, scope), ())
        letters = attempt(None, section.read, "letters", lambda node: read_letters(node, scope, cards), None)
        if not self._problems.found and not recipients:
            self._check_recipients(section, cards)
        if holders is None:
            return None
        return Plan(
            name=name,
            file=self._path,
            digest=hashlib.sha256(data).digest(),
            holders=holders,
            cards=cards,
            issuers=issuers,
            recipients=recipients,
            letters=letters,
            columns=frozenset(scope.used),
            parts=written_parts(tree),
        )

    def _content(self) -> bytes:
        try:
            with self._path.open("rb") as stream:
                return stream.read(MAX_BYTES + 1)
        except OSError as error:
            hint = "Check the path. A plan that is named like a command of `personalise` is written ./NAME."
            reason = f"the plan cannot be read: {error.strerror}"
            raise ProfileError(reason, file=self._path, line=1, column=1, hint=hint) from error

    def _check_version(self, node: Tree) -> None:
        if reader.integer(node, 1, 0xFFFF) != VERSION:
            raise node.place.error(f"expected version {VERSION} of plans", "A newer cardcore may know it.")

    def _holders(self, section: reader.Section) -> HoldersSettings:
        return read_holders_settings(section.need("holders"), self._scope(None))

    def _columns(self, holders: HoldersSettings | None) -> frozenset[str] | None:
        """The fields of the records, to which everything else refers; None where they are not known yet."""
        return None if holders is None or isinstance(holders, SqlHolders) else columns(holders)

    def _scope(self, known: frozenset[str] | None) -> Scope:
        return Scope(folder=self._path.parent, columns=known, problems=self._problems, doubts=self._doubts)

    def _cards(self, node: Tree, scope: Scope, issuers: tuple[str, ...]) -> dict[str, CardPlan]:
        found = {}
        for key, value in reader.entries(node, "a mapping of profiles to what is done with such cards"):
            card = self._problems.attempt(None, self._card, key, value, scope, issuers)
            if card is not None:
                found[key.text] = card
        return found

    def _card(self, key: Scalar, node: Tree, scope: Scope, issuers: tuple[str, ...]) -> CardPlan:
        name = reader.name(key)
        if name not in self._shelf.sources:
            hint = reader.suggestion(name, self._shelf.sources) or "See `cardcore profile list`."
            raise key.place.error(f"there is no profile named {name}", hint)
        profile = self._shelf.load(name)
        if profile.abstract:
            raise key.place.error(f"the profile {name} is a base for others, no card is of it")
        return CardReader(profile, scope, issuers).read(node)

    def _check_recipients(self, section: reader.Section, cards: dict[str, CardPlan]) -> None:
        """A secret that exists nowhere else goes into the journal, and somebody has to be able to read it there."""
        for name, card in cards.items():
            if any(isinstance(rule, Random) for rule in card.rules()):
                hint = "recipients: [issuer.pem]: the certificates of those who may open the secrets in the journal."
                place = section.need("cards").place
                self._problems.note(place, f"cards of the profile {name} get random secrets, kept for nobody", hint)
                return


def read_holders_settings(node: Tree, scope: Scope) -> HoldersSettings:
    """Where the holders' records are."""
    section = reader.section(node, HOLDERS_KEYS, "the holders")
    kinds = [key for key in KINDS if section.get(key) is not None]
    if len(kinds) != 1:
        raise node.place.error(f"expected one of {', '.join(KINDS)} for the holders")
    kind = kinds[0]
    for key in ("delimiter", "encoding"):
        if section.get(key) is not None and kind != "csv":
            raise section.need(key).place.error(f"`{key}` is for CSV files", "Remove it.")
    id_column = reader.text(section.need("id"))
    if kind == "sql":
        sql = reader.section(section.need(kind), SQL_KEYS, "the query")
        return SqlHolders(url=scope.source(sql.need("url")), query=reader.text(sql.need("query")), id_column=id_column)
    path = scope.file(section.need(kind))
    if kind == "jsonl":
        return JsonHolders(path=path, id_column=id_column)
    usual = CsvHolders(path=path, id_column=id_column)
    return CsvHolders(
        path=path,
        id_column=id_column,
        delimiter=section.read("delimiter", _delimiter, usual.delimiter),
        encoding=section.read("encoding", _encoding, usual.encoding),
    )


def _delimiter(node: Tree) -> str:
    if isinstance(node, Scalar) and node.text in ("tab", "\t"):
        return "\t"
    if isinstance(node, Scalar) and len(node.text) == 1 and node.text in _DELIMITERS:
        return node.text
    raise node.place.error("expected one character that stands between fields, or tab", 'As ";".')


def _encoding(node: Tree) -> str:
    name = reader.text(node)
    try:
        TextIOWrapper(BytesIO(), encoding=name).close()
    except (LookupError, ValueError) as error:
        raise node.place.error(f"there is no encoding {name[:64]}", "As utf-8, windows-1252, iso-8859-15.") from error
    return "utf-8-sig" if name.lower() in ("utf-8", "utf8") else name


def _name(node: Tree) -> str:
    name = reader.text(node)
    if len(name) > _MAX_NAME:
        raise node.place.error(f"expected at most {_MAX_NAME} characters")
    return name


def _names(node: Tree | None) -> tuple[str, ...]:
    """The issuers' names, also of those that could not be read: one error each is enough."""
    return tuple(key.text for key, _ in node.entries) if isinstance(node, MapNode) else ()


def _recipients(node: Tree, scope: Scope) -> tuple[Path, ...]:
    return tuple(recipient(item, scope) for item in reader.one_or_more(node))
