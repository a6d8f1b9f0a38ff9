r"""The configuration file: TOML, checked in full when it is loaded, every error with file and line.

    default-container = '\\.\soft:alice\'
    certificates = true
    log-level = "info"

    [pins]
    cache = "timed"
    cache-seconds = 600

    [algorithms]
    forbidden = ["md5", "rc4"]

    [[tokens]]
    serial = "12345678"
    cache = "always-prompt"
    admin-key = "file:/home/alice/.admin-key"

Secrets never stand in the file itself: `admin-key` says where one is. Without a file everything has its default.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path

from platformdirs import user_config_path

from cardcore.errors import InputError, ProfileError

APPLICATION = "personal-csp"
ENVIRONMENT = "PERSONAL_CSP_CONFIG"
MAX_FILE = 1 << 20
MAX_SECONDS = 7 * 24 * 3600
LOG_LEVELS = ("error", "warning", "info", "debug")
ALGORITHMS = frozenset(
    {"md5", "sha1", "ssl3_shamd5", "mac", "hmac", "rc2", "rc4", "des", "3des-112", "3des", "rsa-short"}
)
"""What `algorithms.forbidden` may name; `rsa-short` is RSA of less than 2048 bits."""


class CachePolicy(StrEnum):
    """How long the agent remembers a PIN for the process that it was typed for; never for another one.

    NORMAL: as long as the process has the token open. TIMED: so many seconds after its last use. NONE: not beyond the
    call that needed it. ALWAYS_PROMPT: as NONE, and a PIN that a program set serves one use too.
    """

    NORMAL = "normal"
    TIMED = "timed"
    NONE = "none"
    ALWAYS_PROMPT = "always-prompt"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPolicy:
    """What holds for one token. `admin_key` is `env:VAR` or `file:PATH`, the key in hexadecimal there, or empty."""

    cache: CachePolicy = CachePolicy.NORMAL
    cache_seconds: int = 300
    admin_key: str = ""
    admin_cipher: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRule:
    """One `[[tokens]]`: the tokens with this serial number or in readers of this name (`*` and `?` allowed)."""

    serial: str = ""
    reader: str = ""
    cache: CachePolicy | None = None
    cache_seconds: int | None = None
    admin_key: str = ""
    admin_cipher: str = ""

    def matches(self, serial: str, reader: str) -> bool:
        """Whether the rule is for this token."""
        fits = not self.serial or self.serial.casefold() == serial.casefold()
        return fits and (not self.reader or fnmatchcase(reader.casefold(), self.reader.casefold()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """The whole file. `default_container` is empty where the first reader is to be taken."""

    default_container: str = ""
    certificates: bool = True
    log_level: str = "info"
    pins: TokenPolicy = TokenPolicy()
    tokens: tuple[TokenRule, ...] = ()
    forbidden: frozenset[str] = frozenset()

    def token(self, serial: str, reader: str) -> TokenPolicy:
        """The policy for a token: the first rule that matches, over what holds for all."""
        rule = next((rule for rule in self.tokens if rule.matches(serial, reader)), None)
        if rule is None:
            return self.pins
        return TokenPolicy(
            cache=rule.cache or self.pins.cache,
            cache_seconds=self.pins.cache_seconds if rule.cache_seconds is None else rule.cache_seconds,
            admin_key=rule.admin_key,
            admin_cipher=rule.admin_cipher,
        )


def default_path() -> Path:
    """Where the file is: `PERSONAL_CSP_CONFIG` if set, else `config.toml` in the user's configuration directory."""
    chosen = os.environ.get(ENVIRONMENT)
    return Path(chosen) if chosen else user_config_path(APPLICATION, appauthor=False) / "config.toml"


def load(path: Path | None = None) -> Configuration:
    """The configuration in a file; without `path` in the usual one, and the defaults if that does not exist.

    ProfileError with file and line for whatever is wrong in it.
    """
    chosen = path or default_path()
    try:
        with chosen.open("rb") as file:
            data = file.read(MAX_FILE + 1)
    except FileNotFoundError:
        if path is None and ENVIRONMENT not in os.environ:
            return Configuration()
        raise InputError(f"there is no configuration file {chosen}", hint="Check the path.") from None
    except OSError as error:
        raise InputError(f"cannot read {chosen}: {error.strerror}", hint="Check the path and your rights.") from error
    return parse(data, str(chosen))


def parse(data: bytes, file: str) -> Configuration:
    """The configuration in the content of a file; ProfileError as in `load`."""
    if len(data) > MAX_FILE:
        raise ProfileError(f"the file has more than {MAX_FILE} bytes", file=file, line=1, column=1)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ProfileError("the file is not UTF-8", file=file, line=line, column=1) from error
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        line, column = _position(str(error), text)
        reason = re.sub(r" \(at .*\)$", "", str(error))
        raise ProfileError(f"not TOML: {reason[:1].lower()}{reason[1:]}", file=file, line=line, column=column) from None
    return _Reader(file, text).configuration(document)


def _position(message: str, text: str) -> tuple[int, int]:
    found = re.search(r"\(at line (\d+), column (\d+)\)", message)
    return (int(found[1]), int(found[2])) if found else (text.count("\n") + 1, 1)


class _Reader:
    """Turns the tables into the typed configuration; it knows the line of every key."""

    def __init__(self, file: str, text: str) -> None:
        self._file = file
        self._lines = dict(reversed(list(_key_lines(text))))

    def configuration(self, document: Mapping[str, object]) -> Configuration:
        """The typed configuration; ProfileError at the first thing that is wrong."""
        table = _Table(document, (), self._fail)
        table.only("default-container", "certificates", "log-level", "pins", "algorithms", "tokens")
        pins = table.table("pins")
        pins.only("cache", "cache-seconds")
        algorithms = table.table("algorithms")
        algorithms.only("forbidden")
        defaults = TokenPolicy()
        return Configuration(
            default_container=table.text("default-container"),
            certificates=table.flag("certificates", default=True),
            log_level=table.choice("log-level", LOG_LEVELS) or "info",
            pins=replace(
                defaults,
                cache=CachePolicy(pins.choice("cache", tuple(CachePolicy)) or defaults.cache),
                cache_seconds=pins.seconds("cache-seconds") or defaults.cache_seconds,
            ),
            tokens=tuple(map(_rule, table.tables("tokens"))),
            forbidden=frozenset(algorithms.choices("forbidden", sorted(ALGORITHMS))),
        )

    def _fail(self, path: tuple[str, ...], message: str) -> ProfileError:
        known = (path[:size] for size in range(len(path), 0, -1))
        line = next((self._lines[part] for part in known if part in self._lines), 1)
        return ProfileError(message, file=self._file, line=line, column=1, hint="docs/csp.md lists every key.")


def _rule(table: _Table) -> TokenRule:
    table.only("serial", "reader", "cache", "cache-seconds", "admin-key", "admin-cipher")
    cache = table.choice("cache", tuple(CachePolicy))
    rule = TokenRule(
        serial=table.text("serial"),
        reader=table.text("reader"),
        cache=CachePolicy(cache) if cache else None,
        cache_seconds=table.seconds("cache-seconds"),
        admin_key=table.source("admin-key"),
        admin_cipher=table.text("admin-cipher"),
    )
    if not (rule.serial or rule.reader):
        raise table.fail("", "a token is named by its serial, its reader, or both")
    return rule


class _Table:
    """One table of the file with the path to it; every question is also a check."""

    def __init__(
        self,
        content: Mapping[str, object],
        path: tuple[str, ...],
        fail: Callable[[tuple[str, ...], str], ProfileError],
    ) -> None:
        self._content = content
        self._path = path
        self._fail = fail

    def fail(self, key: str, message: str) -> ProfileError:
        """The error at a key, or at the table where the key is empty."""
        return self._fail((*self._path, key) if key else self._path, message)

    def only(self, *known: str) -> None:
        """Every key is one of these."""
        for key in self._content:
            if key not in known:
                raise self.fail(key, f"unknown key {key!r}; known are {', '.join(known)}")

    def text(self, key: str) -> str:
        """A text of one line, empty where there is none."""
        value = self._content.get(key, "")
        if not isinstance(value, str) or not value.isprintable():
            raise self.fail(key, f"{key} has to be a text of one line")
        if key in self._content and not value:
            raise self.fail(key, f"{key} is empty; leave it out instead")
        return value

    def flag(self, key: str, *, default: bool) -> bool:
        """true or false."""
        value = self._content.get(key, default)
        if not isinstance(value, bool):
            raise self.fail(key, f"{key} has to be true or false")
        return value

    def choice(self, key: str, choices: tuple[str, ...]) -> str:
        """One of these, empty where there is none."""
        value = self.text(key)
        if value and value not in choices:
            raise self.fail(key, f"{key} has to be one of {', '.join(choices)}")
        return value

    def choices(self, key: str, choices: list[str]) -> list[str]:
        """A list of some of these."""
        value = self._content.get(key, [])
        if not isinstance(value, list) or not all(isinstance(word, str) and word in choices for word in value):
            raise self.fail(key, f"{key} has to be a list of some of {', '.join(choices)}")
        return value

    def seconds(self, key: str) -> int | None:
        """A number of seconds, None where there is none."""
        value = self._content.get(key)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MAX_SECONDS:
            raise self.fail(key, f"{key} has to be a whole number of seconds from 1 to {MAX_SECONDS}")
        return value

    def source(self, key: str) -> str:
        """Where a secret is; what else was written is not repeated, because it may be the secret."""
        value = self.text(key)
        if value and not re.fullmatch(r"(env|file):.+", value):
            raise self.fail(key, f"{key} has to say where the key is: env:VAR or file:PATH")
        return value

    def table(self, key: str) -> _Table:
        """A table, empty where there is none."""
        value = self._content.get(key, {})
        if not isinstance(value, dict):
            raise self.fail(key, f"{key} has to be a table, [{key}]")
        return _Table(value, (*self._path, key), self._fail)

    def tables(self, key: str) -> list[_Table]:
        """An array of tables."""
        value = self._content.get(key, [])
        if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
            raise self.fail(key, f"{key} has to be an array of tables, [[{key}]]")
        return [_Table(entry, (*self._path, f"{key}[{number}]"), self._fail) for number, entry in enumerate(value)]


_HEADER = re.compile(r"\s*\[(\[?)\s*([^\[\]]+?)\s*\]")
_KEY = re.compile(r"""\s*((?:"[^"]*"|'[^']*'|[\w.-])+?)\s*=""")


def _key_lines(text: str) -> Iterator[tuple[tuple[str, ...], int]]:
    """Every table and key with its line, counted from 1; tomllib tells positions of wrong syntax only."""
    inside: tuple[str, ...] = ()
    counts: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            name = header[2].strip("\"'")
            inside = (name,)
            if header[1]:
                yield inside, number
                inside = (f"{name}[{counts.get(name, 0)}]",)
                counts[name] = counts.get(name, 0) + 1
            yield inside, number
        elif key := _KEY.match(line):
            path = (*inside, *(part.strip("\"'") for part in key[1].split(".")))
            for size in range(len(inside) + 1, len(path) + 1):
                yield path[:size], number
