"""Holders' records are read one after the other, strictly, and what is wrong is told with its line."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardcore.errors import CardError, InputError, ProfileError
from cardcore.personalise import holders
from cardcore.personalise.holders import Holder, columns, read_holders
from cardcore.personalise.plan import CsvHolders, JsonHolders, SqlHolders
from cardcore.sources import Source, SourceKind

HEADER = "id,name\n"


def csv_of(path: Path, data: str | bytes, delimiter: str = "", encoding: str = "utf-8-sig") -> CsvHolders:
    file = path / "holders.csv"
    file.write_bytes(data if isinstance(data, bytes) else data.encode())
    return CsvHolders(path=file, id_column="id", delimiter=delimiter, encoding=encoding)


def json_of(path: Path, data: str | bytes) -> JsonHolders:
    file = path / "holders.jsonl"
    file.write_bytes(data if isinstance(data, bytes) else data.encode())
    return JsonHolders(path=file, id_column="id")


def sql_of(path: Path, monkeypatch: pytest.MonkeyPatch, *statements: str, query: str = "select * from h") -> SqlHolders:
    file = path / "holders.db"
    with sqlite3.connect(file) as database:
        for statement in statements:
            database.execute(statement)
    database.close()
    monkeypatch.setenv("DATABASE", f"sqlite:///{file}")
    return SqlHolders(url=Source(kind=SourceKind.ENVIRONMENT, place="DATABASE"), query=query, id_column="id")


def told(settings: CsvHolders | JsonHolders | SqlHolders) -> tuple[int, str]:
    """Line and reason of the error."""
    with pytest.raises(ProfileError) as caught:
        list(read_holders(settings))
    return caught.value.line, caught.value.reason


EXPECTED = [
    Holder(id="1", fields={"id": "1", "name": "Anne"}, line=2),
    Holder(id="2", fields={"id": "2", "name": "Jörg"}, line=3),
]


@pytest.mark.parametrize(
    "data",
    [
        "id,name\n1,Anne\n2,Jörg\n",
        "id;name\r\n1;Anne\r\n2;Jörg",
        "id\tname\n1\tAnne\n2\tJörg\n\n",
        " id | name \n 1 | Anne \n 2 | Jörg \n",
        'id,name\n"1","Anne"\n"2",Jörg\n,\n',
        b"\xef\xbb\xbf" + "id,name\n1,Anne\n2,Jörg\n".encode(),
        "id,name\n1,Anne\n2,Jörg\n".encode("utf-16"),
    ],
)
def test_csv_as_programs_write_it(tmp_path: Path, data: str | bytes) -> None:
    settings = csv_of(tmp_path, data)
    assert list(read_holders(settings)) == EXPECTED
    assert columns(settings) == {"id", "name"}


def test_csv_in_another_encoding(tmp_path: Path) -> None:
    data = "id,name\n1,Anne\n2,Jörg\n".encode("windows-1252")
    assert list(read_holders(csv_of(tmp_path, data, encoding="windows-1252"))) == EXPECTED
    assert told(csv_of(tmp_path, data)) == (3, "not in the encoding utf-8-sig")


def test_a_field_over_several_lines_counts_them(tmp_path: Path) -> None:
    settings = csv_of(tmp_path, 'id,name\n1,"Anne\n""O""\nHara"\n2,B\n2,C\n')
    assert next(read_holders(settings)).fields["name"] == 'Anne\n"O"\nHara'
    assert told(settings) == (6, "the holder 2 stands twice")


@pytest.mark.parametrize(
    ("data", "line", "reason"),
    [
        ("", 1, "the file is empty"),
        ("\n\n", 1, "the file is empty"),
        ("id,name\n1,A\n,B\n", 3, "the holder's id (id) is empty"),
        ("id,name\n1,A\n1,B\n", 3, "the holder 1 stands twice"),
        ("id,name\nA\u030a,A\n\u00c5,B\n", 3, "the holder \u00c5 stands twice"),
        ("id,name\n1,A,B\n", 2, "3 fields where the header has 2"),
        ("id,name\n1\n", 2, "1 fields where the header has 2"),
        ("id,name,id\n1,A,1\n", 1, "the field id stands twice in the header"),
        ("key,name\n1,A\n", 2, "there is no field id, which is to be the holder's id"),
        ("id,\n1,A\n", 2, "a field without a usable name"),
        ("id,a{b\n1,A\n", 2, "a field without a usable name"),
        ("id,card.serial\n1,A\n", 2, "a field cannot be named card.serial"),
        ("id,pin.user\n1,A\n", 2, "a field cannot be named pin.user"),
        ('id,name\n1,"A\n2,B\n', 2, "not valid CSV: unexpected end of data"),
        ('id,name\n1,"A"B\n', 2, "not valid CSV: ',' expected after '\"'"),
        ("id,name\n1,A\0B\n", 2, "the field name holds a control character"),
        ("id,name\n1,A\x1bB\n", 2, "the field name holds a control character"),
        (f"id,name\n1,{'x' * 70_000}\n", 2, "a line of more than 65536 characters"),
        (f"id,name\n{'x' * 129},A\n", 2, "the holder's id cannot be used"),
        ('id,name\n"1\n2",A\n', 2, "the holder's id cannot be used"),
        ("id," + ",".join(f"f{n}" for n in range(256)) + "\n1" + ",x" * 256 + "\n", 2, "more than 256 fields"),
    ],
)
def test_what_is_wrong_in_csv(tmp_path: Path, data: str, line: int, reason: str) -> None:
    assert told(csv_of(tmp_path, data, delimiter=",")) == (line, reason)


def test_what_cannot_be_decoded_has_no_line_where_lines_cannot_be_told(tmp_path: Path) -> None:
    data = "id,name\n1,A\n".encode("utf-16") + b"\x00"
    assert told(csv_of(tmp_path, data)) == (1, "not in the encoding utf-8-sig")


def test_no_holders_at_all(tmp_path: Path) -> None:
    for settings in (csv_of(tmp_path, HEADER), json_of(tmp_path, "\n")):
        assert list(read_holders(settings)) == []
        with pytest.raises(ProfileError, match="there are no holders"):
            columns(settings)


def test_files_that_have_gone(tmp_path: Path) -> None:
    for settings in (
        CsvHolders(path=tmp_path / "no", id_column="id"),
        JsonHolders(path=tmp_path / "no", id_column="id"),
    ):
        assert told(settings) == (1, "the holders cannot be read: No such file or directory")


def test_there_is_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holders, "MOST_HOLDERS", 2)
    assert told(csv_of(tmp_path, HEADER + "1,A\n2,B\n3,C\n")) == (4, "more than 2 holders")


def test_json_lines(tmp_path: Path) -> None:
    data = (
        '\ufeff{"id": 1, "name": " Anne ", "flag": true}\n\n'
        '{"id": 12345678901234567890, "name": null, "flag": false, "more": 1e400}\n'
    )
    found = list(read_holders(json_of(tmp_path, data)))
    assert found == [
        Holder(id="1", fields={"id": "1", "name": "Anne", "flag": "true"}, line=1),
        Holder(
            id="12345678901234567890",
            fields={"id": "12345678901234567890", "name": "", "flag": "false", "more": "1e400"},
            line=3,
        ),
    ]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("{", "not valid JSON"),
        ("[1]", "not a JSON object"),
        ('{"id": 1} {"id": 2}', "not valid JSON"),
        ('{"id": 007}', "not valid JSON"),
        ('{"id": NaN}', "the field id is no text or number"),
        ('{"id": "1", "id": "2"}', "a name stands twice in the object"),
        ('{"id": "1", "name": ["A"]}', "the field name is no text or number"),
        ('{"id": "1", "name": {"a": "A"}}', "the field name is no text or number"),
        ('{"id": "\\ud800"}', "the field id holds a control character"),
        ('{"name": "A"}', "there is no field id, which is to be the holder's id"),
        ("[" * 60_000, "not valid JSON"),
        (f'{{"id": "{"x" * 70_000}"}}', "a line of more than 65536 bytes"),
        (b'{"id": "\xff"}', "not UTF-8"),
    ],
)
def test_what_is_wrong_in_json_lines(tmp_path: Path, data: str | bytes, reason: str) -> None:
    raw = data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass")
    assert told(json_of(tmp_path, b'{"id": "0"}\n' + raw)) == (2, reason)


TABLE = "create table h (id integer, name text, note text)"
ROWS = "insert into h values (1, 'Anne', null), (2, ' Jörg ', '')"


def test_a_query(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = sql_of(tmp_path, monkeypatch, TABLE, ROWS)
    assert list(read_holders(settings)) == [
        Holder(id="1", fields={"id": "1", "name": "Anne", "note": ""}, line=1),
        Holder(id="2", fields={"id": "2", "name": "Jörg", "note": ""}, line=2),
    ]
    assert columns(settings) == {"id", "name", "note"}


@pytest.mark.parametrize(
    ("query", "line", "reason"),
    [
        ("select * from nobody", 1, "the query failed: no such table: nobody"),
        ("select 'a\" from h", 1, 'the query failed: unrecognized token: "\'a" from h"'),
        ("delete from h", 1, "the query returns no rows"),
        ("select id, name as id from h", 1, "the query names two columns alike"),
        ("select id, x'00' as photo from h", 1, "the field photo is binary"),
        ("select 1 as id from h", 2, "the holder 1 stands twice"),
        ("select name from h", 1, "there is no field id, which is to be the holder's id"),
        ("select id from h where id = :bound", 1, "the query failed: StatementError"),
    ],
)
def test_what_is_wrong_with_a_query(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, query: str, line: int, reason: str
) -> None:
    settings = sql_of(tmp_path, monkeypatch, TABLE, ROWS, query=query)
    assert told(settings) == (line, reason)
    with sqlite3.connect(tmp_path / "holders.db") as database:
        assert database.execute("select count(*) from h").fetchone() == (2,)
    database.close()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("hunter2", "not a database's URL"),
        ("nothing://u:hunter2@host/db", "not a database's URL"),
        ("mysql+mysqldb://u:hunter2@host/db", "no driver (MySQLdb)"),
        ("postgresql+psycopg://u:hunter2@host:port/db", "not a database's URL"),
    ],
)
def test_a_database_that_is_none_is_told_without_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, reason: str
) -> None:
    settings = sql_of(tmp_path, monkeypatch)
    monkeypatch.setenv("DATABASE", url)
    with pytest.raises(InputError) as caught:
        list(read_holders(settings))
    assert caught.value.message == f"env:DATABASE does not lead to a database: {reason}"
    assert caught.value.__cause__ is None


def test_a_database_that_does_not_answer_is_told_without_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = sql_of(tmp_path, monkeypatch)
    monkeypatch.setenv("DATABASE", "postgresql+psycopg://hunter2:hunter2@127.0.0.1:1/db")
    line, reason = told(settings)
    assert line == 1
    assert "127.0.0.1" in reason
    assert "hunter2" not in reason


@given(data=st.binary(max_size=300))
def test_whatever_bytes_there_are_csv_and_json_end_in_holders_or_an_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.getbasetemp()
    for settings in (csv_of(path, data), csv_of(path, b"id,name\n" + data), json_of(path, data)):
        with suppress(CardError):
            found = list(read_holders(settings))
            assert len({holder.id for holder in found}) == len(found)


VALUES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30)


@given(records=st.dictionaries(st.integers(0, 10**6), VALUES, min_size=1, max_size=20))
def test_what_was_written_is_read(tmp_path_factory: pytest.TempPathFactory, records: dict[int, str]) -> None:
    import csv
    import io

    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerows([("id", "name"), *records.items()])
    path = tmp_path_factory.getbasetemp()
    lines = "".join(json.dumps({"id": key, "name": name}) + "\n" for key, name in records.items())
    for settings in (csv_of(path, text.getvalue(), ","), json_of(path, lines)):
        found = {int(holder.id): holder.fields["name"] for holder in read_holders(settings)}
        assert found == {key: name.strip() for key, name in records.items()}


@pytest.mark.slow
def test_a_hundred_thousand_holders_are_read_in_little_memory(tmp_path: Path) -> None:
    """Without the whole file in memory: what Python allocates stays below 40 MiB."""
    import tracemalloc

    with (tmp_path / "holders.csv").open("w", encoding="utf-8") as stream:
        stream.write("id,name,mail\n")
        stream.writelines(f"{number},Holder {number},h{number}@example.org{os.linesep}" for number in range(100_000))
    settings = CsvHolders(path=tmp_path / "holders.csv", id_column="id")
    tracemalloc.start()
    try:
        assert sum(1 for _ in read_holders(settings)) == 100_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 40 << 20
