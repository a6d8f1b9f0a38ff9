"""`cardcore profile`: card profiles, the files that describe families of cards."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import click

from cardcore.cli import findings
from cardcore.cli.context import Context, pass_context
from cardcore.cli.lazy import Entry, LazyGroup
from cardcore.cli.options import examples
from cardcore.cli.output import count, pairs, table
from cardcore.cli.profilenames import PROFILE
from cardcore.errors import ProfileError

if TYPE_CHECKING:
    from cardcore.profile.check import Finding
    from cardcore.profile.model import Profile


class Profiles(LazyGroup):
    """The commands about profiles, in the order in which an author of profiles meets them."""

    table: ClassVar[Mapping[str, Entry]] = {
        "list": Entry("profile:list_profiles", "List cardcore's profiles and your own."),
        "show": Entry("profile:show", "Show what a profile says."),
        "explain": Entry("explain:explain", "Show the commands that an operation would send."),
        "check": Entry("profile:check", "Check profile files; exit status 7 if there is an error."),
        "new": Entry("draft:new", "Write a commented profile to begin with."),
        "test": Entry("conformance:test", "Test a card against its profile."),
        "schema": Entry("profile:schema", "Print the JSON schema of profiles."),
    }


@click.command(cls=Profiles)
def profile() -> None:
    """Card profiles: list, show, check, explain, ..."""


@click.command("list", epilog=examples("cardcore profile list"))
@pass_context
def list_profiles(context: Context) -> None:
    """List cardcore's profiles and your own."""
    from cardcore.profile import catalog

    found: list[dict[str, object]] = []
    for source in catalog.available():
        entry: dict[str, object] = {"id": source.id, "name": None, "file": str(source.path), "shipped": source.shipped}
        try:
            loaded = catalog.load(source.id)
            entry |= {"name": loaded.name, "abstract": loaded.abstract, "error": None}
        except ProfileError as error:
            entry |= {"abstract": None, "error": error.message}
        found.append(entry)
    rows = [
        (str(i["id"]), str(i["name"] or "not valid"), "cardcore" if i["shipped"] else str(i["file"])) for i in found
    ]
    context.output.result({"profiles": found}, table(("ID", "NAME", "FROM"), rows))


@click.command(epilog=examples("cardcore profile show iso7816", "cardcore profile show ./mycard.yaml"))
@click.argument("name", type=PROFILE)
@pass_context
def show(context: Context, name: str) -> None:
    """Show what a profile says, its base and every default included."""
    from cardcore.profile import catalog

    found = catalog.load(name)
    context.output.result(_document(found), _lines(found))


def _document(found: Profile) -> dict[str, object]:
    return {
        "id": found.id,
        "name": found.name,
        "file": found.origin,
        "description": found.description,
        "verified": found.verified,
        "abstract": found.abstract,
        "refines": found.refines or None,
        "aids": [aid.hex().upper() for aid in found.match.aids],
        "atrs": [f"{atr.value.hex()}/{atr.mask.hex()}".upper() for atr in found.match.atrs],
        "directory": found.directory or None,
        "pins": [{"name": pin.name, "label": pin.label, "ref": pin.ref} for pin in found.pins.values()],
        "admin": list(found.admin.ciphers) if found.admin else [],
        "keys": [
            {"name": key.name, "label": key.label, "usage": sorted(key.usage), "pin_policy": key.policy.value}
            for key in found.keys.values()
        ],
        "key_types": _key_types(found),
        "objects": {name: identifier.hex().upper() for name, identifier in found.objects.items()},
        "operations": sorted(found.operations),
    }


def _key_types(found: Profile) -> list[str]:
    return list(dict.fromkeys(name for algorithm in found.algorithms.values() for name in algorithm.types))


def _lines(found: Profile) -> list[str]:
    recognised = [f"AID {aid.hex().upper()}" for aid in found.match.aids]
    recognised += [f"ATR {atr.value.hex()} mask {atr.mask.hex()}".upper() for atr in found.match.atrs]
    pins = [f"{pin.name} ({pin.label or pin.name}, {pin.minimum} to {pin.maximum})" for pin in found.pins.values()]
    rows = [
        ("id", found.id),
        ("name", found.name),
        ("file", found.origin),
        ("description", found.description),
        ("verified", found.verified),
        ("recognised by", "; ".join(recognised) or "nothing: it is a base for others"),
        ("PINs", ", ".join(pins)),
        ("admin key", ", ".join(found.admin.ciphers) if found.admin else "none"),
        ("key types", ", ".join(_key_types(found))),
        ("objects", ", ".join(found.objects)),
        ("operations", ", ".join(sorted(found.operations))),
    ]
    keys = [(key.name, key.label, ",".join(sorted(key.usage)), key.policy.value) for key in found.keys.values()]
    return [*pairs(rows), *(["", *table(("KEY", "LABEL", "USAGE", "PIN"), keys)] if keys else [])]


@click.command(
    epilog=examples("cardcore profile check mycard.yaml", "cardcore profile check --vectors tests/vectors *.yaml")
)
@click.argument("names", metavar="FILE...", nargs=-1, required=True, type=click.Path(dir_okay=False))
@click.option(
    "--vectors",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Compare with the vectors (expected commands) in the JSON files of this folder, and tell what has none.",
)
@pass_context
def check(context: Context, names: tuple[str, ...], vectors: Path | None) -> None:
    """Check profile files; exit status 7 if there is an error.

    Every error is told, with line and column and what to do.
    """
    from cardcore.directory import DIRECTORIES
    from cardcore.profile.check import Severity
    from cardcore.profile.check import check as check_file
    from cardcore.profile.vectors import read_vectors

    known = None if vectors is None else read_vectors(vectors)
    directories = [name for name in DIRECTORIES if name]
    found = [finding for name in names for finding in check_file(Path(name), None, known, directories)]
    errors = [finding for finding in found if finding.severity is Severity.ERROR]
    listed = [findings.document(finding) for finding in found]
    people = [line for finding in found for line in findings.lines(finding)]
    total = f"{count(len(errors), 'error')}, {count(len(found) - len(errors), 'warning')}"
    if not errors:
        people.append(f"{count(len(names), 'profile')}: {total}")
    context.output.result({"files": list(names), "findings": listed, "errors": len(errors)}, people)
    if errors:
        raise _told(errors[0], count(len(names), "profile"), total, in_full=context.output.json_wanted)


def _told(first: Finding, profiles: str, total: str, *, in_full: bool) -> ProfileError:
    """The error that ends the command: people have read them all by then, programs get the first in the usual form."""
    if not in_full:
        return ProfileError(f"{profiles}: {total}", hint="Correct what is told above.")
    hint = first.hint or "Correct the profile."
    return ProfileError(first.message, file=first.file, line=first.line, column=first.column, hint=hint)


@click.command(epilog=examples("cardcore profile schema > cardcore-profile.json"))
@pass_context
def schema(context: Context) -> None:
    """Print the JSON schema of profiles, for editors that complete and check while you type."""
    from cardcore.profile import jsonschema

    built = jsonschema.build()
    context.output.result(built, json.dumps(built, indent=2))
