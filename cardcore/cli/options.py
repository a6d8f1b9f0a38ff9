"""Options and arguments that several commands have, and the names that they choose from.

The names are written out here because looking them up in the library would make completion slow; a test compares.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import click

from cardcore.cli.secrets import SOURCE
from cardcore.errors import StatusError
from cardcore.lines import is_line, shown

T = TypeVar("T", bound=Callable[..., object])

KEY_TYPES = (
    *("rsa512", "rsa768", "rsa1024", "rsa1536", "rsa2048", "rsa3072", "rsa4096"),
    *("ecp256", "ecp384", "ecp521"),
)
HASHES = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512", "md5sha1")
SIGNATURE_SCHEMES = ("pkcs1", "pss", "ecdsa")
PIN_POLICIES = ("once", "always", "never")
TOUCH_POLICIES = ("always", "cached", "never")
DECRYPTION_SCHEMES = ("pkcs1", "oaep")


class TextType(click.ParamType):  # type: ignore[type-arg] # generic in new releases of click only
    """Text on one line: what ends up in a journal, or on a card."""

    name = "text"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text; a usage error for control characters, and for bytes that are no UTF-8."""
        text = str(value)
        if not is_line(text):
            self.fail(f"{shown(text)!r} holds a control character, or what is no UTF-8", param, ctx)
        return text


TEXT = TextType()


def examples(*lines: str) -> str:
    """The epilog of a command's help: examples, each on a line of its own."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def key_argument(function: T) -> T:
    """The argument KEY."""
    return click.argument("key", metavar="KEY")(function)


def key_option(function: T) -> T:
    """The option --key."""
    return click.option("--key", "key", metavar="KEY", required=True, help="Key, by the name its profile gives.")(
        function
    )


def pin_option(function: T) -> T:
    """The option --pin."""
    return click.option("--pin", type=SOURCE, metavar="SRC", help="Source of the PIN.")(function)


def new_pin_option(function: T) -> T:
    """The option --new-pin."""
    return click.option("--new-pin", type=SOURCE, metavar="SRC", help="Source of the new PIN.")(function)


def puk_option(function: T) -> T:
    """The option --puk."""
    return click.option("--puk", type=SOURCE, metavar="SRC", help="Source of the PUK.")(function)


def admin_option(function: T) -> T:
    """The option --admin."""
    what = "Source of the admin key, in hexadecimal, or of the admin PIN."
    return click.option("--admin", type=SOURCE, metavar="SRC", help=what)(function)


def last_try_option(function: T) -> T:
    """The option --last-try."""
    return click.option("--last-try", is_flag=True, help="Send the PIN even if it is the last try before it blocks.")(
        function
    )


def out_option(function: T) -> T:
    """The option --out."""
    return click.option("--out", metavar="FILE", help="Write to a file instead of stdout.")(function)


def type_option(function: T) -> T:
    """The option --type that spares the question what kind of key it is."""
    return click.option(
        "--type", "key_type", type=click.Choice(KEY_TYPES), help="The key's type, if known: spares asking the card."
    )(function)


def policy_options(function: T) -> T:
    """The options --pin-policy and --touch of new keys."""
    policy = "When the key will want the PIN, where the card gives the choice. Default: what is usual for its place."
    touch = "When somebody has to touch the card, where it gives the choice; cached: once for some seconds."
    function = click.option("--touch", type=click.Choice(TOUCH_POLICIES), help=touch)(function)
    return click.option("--pin-policy", type=click.Choice(PIN_POLICIES), help=policy)(function)


@contextmanager
def with_type(given: str | None) -> Iterator[None]:
    """A card that refuses for no reason of its own may have a key of another type than was given: the hint says so."""
    try:
        yield
    except StatusError as error:
        if given:
            error.hint = error.hint or f"Is it a key of type {given}? Without --type the card is asked."
        raise


def hash_option(function: T) -> T:
    """The option --hash of signatures."""
    return click.option("--hash", "hash_name", type=click.Choice(HASHES), default="sha256", show_default=True)(function)


def scheme_option(function: T) -> T:
    """The option --scheme of signatures."""
    return click.option(
        "--scheme", type=click.Choice(SIGNATURE_SCHEMES), help="Default: pkcs1 for RSA, ecdsa for elliptic curves."
    )(function)


def signature_options(function: T) -> T:
    """The options that say what kind of signature it is, alike for sign and verify."""
    no_oid = click.option("--no-oid", is_flag=True, help="PKCS #1: pad the bare hash, without its object identifier.")
    prehashed = click.option("--prehashed", is_flag=True, help="The input is the hash value itself.")
    return hash_option(scheme_option(no_oid(prehashed(function))))
