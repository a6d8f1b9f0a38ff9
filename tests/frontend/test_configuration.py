"""The configuration file: what it means, and that whatever is wrong in it is told with its line."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardcore.errors import InputError, ProfileError
from csp_frontend import configuration, pins
from csp_frontend.configuration import CachePolicy, Configuration, TokenPolicy
from csp_frontend.errors import CspError

WHOLE = r"""
default-container = '\\.\soft:alice\'
certificates = false
log-level = "debug"

[pins]
cache = "timed"
cache-seconds = 600

[algorithms]
forbidden = ["md5", "rc4"]

[[tokens]]
serial = "12AB"
cache = "always-prompt"
admin-key = "file:/home/alice/.admin key"
admin-cipher = "aes192"

[[tokens]]
reader = "soft:*"
cache-seconds = 5
admin-key = "env:ADMIN"
"""

WRONG = {
    "no TOML": ("certificates = true\nlog-level = \n", 2, "not TOML"),
    "no end of a text": ('log-level = "info', 1, "not TOML"),
    "a key twice": ('log-level = "info"\nlog-level = "info"\n', 2, "not TOML"),
    "unknown key": ("certificates = true\n\ncertificate = true\n", 3, "unknown key 'certificate'"),
    "unknown table": ("\n[pin]\n", 2, "unknown key 'pin'"),
    "unknown key in a table": ('[pins]\n# one\ncach = "none"\n', 3, "unknown key 'cach'"),
    "unknown key in an array of tables": ('[[tokens]]\nserial = "1"\n[[tokens]]\nserail = "2"\n', 4, "'serail'"),
    "a number for a text": ("log-level = 3\n", 1, "a text"),
    "an empty text": ('default-container = ""\n', 1, "empty"),
    "a text of two lines": ('default-container = "a\\nb"\n', 1, "one line"),
    "a text for true": ('certificates = "yes"\n', 1, "true or false"),
    "a level that is none": ('\n\nlog-level = "loud"\n', 3, "one of error"),
    "a policy that is none": ('[pins]\ncache = "for ever"\n', 2, "one of normal"),
    "a policy that is none, dotted": ('certificates = true\npins.cache = "x"\n', 2, "one of normal"),
    "a policy that is none, inline": ('certificates = true\npins = {cache = "x"}\n', 2, "one of normal"),
    "a quoted key": ('"log-level" = "x"\n', 1, "one of error"),
    "no seconds": ("[pins]\ncache-seconds = 0\n", 2, "seconds"),
    "half seconds": ("[pins]\ncache-seconds = 1.5\n", 2, "seconds"),
    "true seconds": ("[pins]\ncache-seconds = true\n", 2, "seconds"),
    "a year of seconds": ("[pins]\ncache-seconds = 31536000\n", 2, "seconds"),
    "an algorithm that is none": ('[algorithms]\nforbidden = ["md5", "md6"]\n', 2, "some of"),
    "one algorithm for a list": ('[algorithms]\nforbidden = "md5"\n', 2, "some of"),
    "a table that is none": ("\npins = 3\n", 2, "a table"),
    "tokens that are one table": ('\n[tokens]\nserial = "1"\n', 2, "array of tables"),
    "tokens that are numbers": ("tokens = [1]\n", 1, "array of tables"),
    "a token without a name": ('[[tokens]]\ncache = "none"\n', 1, "serial, its reader"),
    "the second token without a name": ('[[tokens]]\nserial = "1"\n[[tokens]]\ncache = "none"\n', 3, "serial"),
}


def test_a_whole_file() -> None:
    read = configuration.parse(WHOLE.encode(), "config.toml")
    assert read.default_container == r"\\.\soft:alice" + "\\"
    assert (read.certificates, read.log_level) == (False, "debug")
    assert read.forbidden == {"md5", "rc4"}
    assert read.token("99", "a reader") == TokenPolicy(cache=CachePolicy.TIMED, cache_seconds=600)
    assert read.token("12ab", "soft:alice") == TokenPolicy(
        cache=CachePolicy.ALWAYS_PROMPT,
        cache_seconds=600,
        admin_key="file:/home/alice/.admin key",
        admin_cipher="aes192",
    )
    assert read.token("99", "Soft:bob") == TokenPolicy(cache=CachePolicy.TIMED, cache_seconds=5, admin_key="env:ADMIN")


def test_an_empty_file_is_the_default() -> None:
    assert configuration.parse(b"", "config.toml") == Configuration()
    assert Configuration().token("1", "r") == TokenPolicy()


@pytest.mark.parametrize(("text", "line", "reason"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_has_its_line(text: str, line: int, reason: str) -> None:
    with pytest.raises(ProfileError) as caught:
        configuration.parse(text.encode(), "config.toml")
    assert (caught.value.file, caught.value.line) == ("config.toml", line)
    assert reason in caught.value.reason


def test_a_secret_in_place_of_its_source_is_not_repeated() -> None:
    with pytest.raises(ProfileError) as caught:
        configuration.parse(b'[[tokens]]\nserial = "1"\nadmin-key = "0102030405"\n', "config.toml")
    assert caught.value.line == 3
    assert "0102030405" not in str(caught.value)


def test_bytes_that_are_no_text() -> None:
    with pytest.raises(ProfileError, match="UTF-8") as caught:
        configuration.parse(b'log-level = "info"\n# \xff\n', "config.toml")
    assert caught.value.line == 2


def test_a_file_that_is_too_large() -> None:
    with pytest.raises(ProfileError, match="bytes"):
        configuration.parse(b"#" * (configuration.MAX_FILE + 1), "config.toml")


def test_tables_in_tables_without_end() -> None:
    with pytest.raises(ProfileError):
        configuration.parse(b"x = " + b"[" * 100_000, "config.toml")


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(ProfileError):
        assert isinstance(configuration.parse(text.encode("utf-8", "surrogatepass"), "f"), Configuration)


def test_where_it_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(configuration.ENVIRONMENT, raising=False)
    assert configuration.load() == Configuration()
    usual = configuration.default_path()
    assert usual.is_relative_to(tmp_path)
    usual.parent.mkdir(parents=True)
    usual.write_text('log-level = "error"\n')
    assert configuration.load().log_level == "error"
    other = tmp_path / "other.toml"
    monkeypatch.setenv(configuration.ENVIRONMENT, str(other))
    with pytest.raises(InputError, match=r"other\.toml"):
        configuration.load()
    other.write_text("certificates = false\n")
    assert configuration.load() == Configuration(certificates=False)
    with pytest.raises(InputError, match="cannot read"):
        configuration.load(tmp_path)


def test_an_admin_key_that_is_no_text_is_held_by_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor by what an error was caused by: UnicodeDecodeError has all that it could not read."""
    (tmp_path / "key").write_bytes(b"\xff0102\n")
    found = pins._from_source(f"file:{tmp_path / 'key'}")
    assert found is not None
    assert found.reveal() == b"\xff0102"
    monkeypatch.setenv("ADMIN", " 0102 ")
    found = pins._from_source("env:ADMIN")
    assert found is not None
    assert found.reveal() == b"0102"
    assert pins._from_source("env:NOTHING") is pins._from_source("") is None
    with pytest.raises(CspError, match="cannot be read from file:/nowhere"):
        pins._from_source("file:/nowhere")
