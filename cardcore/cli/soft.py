"""`cardcore soft`: software cards, kept in files."""

from __future__ import annotations

import math
import threading
import time
from typing import TYPE_CHECKING

import click

from cardcore.cli.context import Context, pass_context
from cardcore.cli.options import admin_option, examples, pin_option, puk_option
from cardcore.cli.output import pairs, table
from cardcore.cli.secrets import Source, obtain
from cardcore.errors import InputError

if TYPE_CHECKING:
    from cardcore.softcard import SoftCardInfo

DEFAULT_PORT = 35963
_PATIENCE = 2.0  # seconds until a person is told what is waited for


@click.group()
def soft() -> None:
    """Software cards: create, list, delete, attach."""


def _applications() -> tuple[str, ...]:
    from cardcore.softcard.registry import application_names, practice_names

    return application_names() + practice_names()


class _Applications(click.ParamType):  # type: ignore[type-arg] # generic in new releases of click only
    """The name of an application that a software card can have."""

    name = "application"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        names = _applications()
        if value not in names:
            self.fail(f"no application is called {value!r}: choose one of {', '.join(names)}", param, ctx)
        return str(value)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[click.shell_completion.CompletionItem]:
        from click.shell_completion import CompletionItem

        return [CompletionItem(name) for name in _applications() if name.startswith(incomplete)]


class _Create(click.Command):
    """`soft create`, whose help names the applications that there are."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from cardcore.softcard.registry import application_names, practice_names

        names = application_names()
        with formatter.section("Applications"):
            formatter.write_text(f"{', '.join(names)}; and to practise writing profiles: {', '.join(practice_names())}")
        with formatter.section("Examples"):
            formatter.write_text(f"cardcore soft create alice --application {names[0]}")


@soft.command(cls=_Create)
@click.argument("name")
@click.option("--application", type=_Applications(), metavar="APPLICATION", required=True, help="Family of the card.")
@pin_option
@puk_option
@admin_option
@click.option("--blank", is_flag=True, help="Leave out what `cardcore init` does.")
@pass_context
def create(
    context: Context,
    name: str,
    application: str,
    pin: Source | None,
    puk: Source | None,
    admin: Source | None,
    blank: bool,
) -> None:
    """Create a software card.

    It has the published secrets of its family, or those that the options give.
    """
    from cardcore.softcard import Secrets, SoftCardStore, factory_secrets

    factory = factory_secrets(application)
    there = factory_secrets(application, blank=blank)
    sources = {"pin": pin, "puk": puk, "admin": admin}
    given = {role: _given(role, source, factory) for role, source in sources.items() if source is not None}
    chosen = Secrets(pin=given.get("pin"), puk=given.get("puk"), admin=given.get("admin"))
    made = SoftCardStore().create(name, application, chosen, blank=blank)
    published = {role: _text(getattr(there, role)) for role in sources if role not in given}
    secrets = {role: published.get(role) for role in sources}
    rows = [("card", f"soft:{name}"), ("application", application), ("serial", made.serial or _NOT_YET)]
    rows += [(_LABELS[role], text or ("as given" if role in given else "none")) for role, text in secrets.items()]
    document = {**describe(made), "blank": blank, "secrets": secrets}
    context.output.result(document, [*pairs(rows), _use(name, application)])


def _use(name: str, application: str) -> str:
    """What to do with a new card; no profile that is shipped knows the ones to practise on."""
    from cardcore.softcard.registry import practice_names

    if application in practice_names():
        return "write a profile for it, as docs/profile-authors.md shows"
    return f"use it with: cardcore --reader soft:{name} info"


_NOT_YET = "none yet"
_LABELS = {"pin": "PIN", "puk": "PUK", "admin": "admin key"}


def _given(role: str, source: Source, factory: object) -> bytes:
    """A secret for a new card; an admin secret that is binary in this family comes in hexadecimal."""
    with obtain(source, _LABELS[role], f"--{role}", new=True) as secret:
        data = secret.reveal()
    if role != "admin" or _is_typed(getattr(factory, role) or b""):
        return data
    try:
        return bytes.fromhex(data.decode("ascii"))
    except ValueError:
        pass
    raise InputError("the admin key is not hexadecimal", hint="Use pairs of the digits 0 to 9 and A to F.")


def _is_typed(secret: bytes) -> bool:
    return secret.isascii() and secret.decode("ascii").isprintable()


def _text(secret: bytes | None) -> str | None:
    """A published secret as a person types it: its characters, or a binary key in hexadecimal."""
    if secret is None:
        return None
    return secret.decode("ascii") if _is_typed(secret) else secret.hex().upper()


def describe(info: SoftCardInfo) -> dict[str, object]:
    """A software card for JSON."""
    return {
        "name": info.name,
        "reader": f"soft:{info.name}",
        "application": info.application or None,
        "serial": info.serial or None,
        "file": str(info.path),
    }


@soft.command("list", epilog=examples("cardcore soft list"))
@pass_context
def list_cards(context: Context) -> None:
    """List the software cards."""
    from cardcore.softcard import SoftCardStore

    store = SoftCardStore()
    found = store.list()
    rows = [(info.name, info.application, info.damage or info.serial or _NOT_YET) for info in found]
    people = table(("NAME", "APPLICATION", "SERIAL"), rows) if found else ["there are no software cards"]
    document = {
        "directory": str(store.directory),
        "cards": [{**describe(info), "damage": info.damage or None} for info in found],
    }
    context.output.result(document, people)


@soft.command(epilog=examples("cardcore soft delete alice"))
@click.argument("name")
@pass_context
def delete(context: Context, name: str) -> None:
    """Delete a software card with its keys, for good."""
    from cardcore.softcard import SoftCardStore

    SoftCardStore().delete(name)
    context.output.result({"name": name, "deleted": True}, f"deleted soft:{name}")


@soft.command(epilog=examples("cardcore soft attach alice", "cardcore soft attach alice --port 35964"))
@click.argument("name")
@click.option("--port", type=click.IntRange(1, 65535), default=DEFAULT_PORT, show_default=True, help="vpcd's TCP port.")
@click.option("--host", default="localhost", show_default=True, help="Where vpcd runs.")
@pass_context
def attach(context: Context, name: str, port: int, host: str) -> None:
    """Put a software card into a virtual reader, until interrupted.

    The reader is one of vpcd, the virtual reader driver of PC/SC. Ctrl-C takes the card out.
    """
    from cardcore.softcard import SoftCardStore, serve

    card = SoftCardStore().open(name)
    stop, inserted = threading.Event(), threading.Event()
    server = threading.Thread(
        target=serve, args=(card, host, port, stop), kwargs={"inserted": inserted}, name="card", daemon=True
    )
    server.start()
    try:
        patience = time.monotonic() + _PATIENCE
        while not inserted.wait(0.1):
            if not server.is_alive():
                return
            if time.monotonic() > patience:
                patience = math.inf
                context.output.note(
                    f"waiting for vpcd at {host}:{port}: is pcscd running, and vsmartcard-vpcd installed?"
                )
        context.output.event(
            {"name": name, "host": host, "port": port, "attached": True},
            f"soft:{name} is in the reader; Ctrl-C takes it out",
        )
        while server.is_alive():
            server.join(0.2)
    finally:
        stop.set()
        server.join(2.0)
