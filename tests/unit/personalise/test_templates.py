"""Templates put a holder's record into text, and into nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardcore import tlv
from cardcore.errors import InputError
from cardcore.personalise.object_contents import MAX_OBJECT, object_bytes
from cardcore.personalise.plan import Fixed, FromFile, RandomBytes, Text, Tlv, with_card
from cardcore.personalise.templates import MAX_VALUE, Template, path_part

FIELDS = {"name": "Jörg {x}", "employee": "1001"}


def test_fields_stand_where_the_template_says() -> None:
    template = Template(text="CN={name}, {employee}{employee}")
    assert template.columns == {"name", "employee"}
    assert template.fill(FIELDS) == "CN=Jörg {x}, 10011001"
    assert (
        template.fill(FIELDS, lambda name, value: f"<{name}:{len(value)}>") == "CN=<name:8>, <employee:4><employee:4>"
    )
    assert Template(text="").fill({}) == ""


@pytest.mark.parametrize("text", ["{", "}", "{}", "{a", "a}", "{{a}}", "{a}{", "{a{b}}"])
def test_other_braces_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="a brace that is not part"):
        Template(text=text)


def test_a_field_that_is_missing_or_too_long() -> None:
    with pytest.raises(InputError, match="there is no field nam"):
        Template(text="{nam}").fill(FIELDS)
    with pytest.raises(InputError, match=f"the field name has more than {MAX_VALUE} characters") as caught:
        Template(text="{name}").fill({"name": "x" * 2000})
    assert "xx" not in str(caught.value)


@given(text=st.text(max_size=60), value=st.text(max_size=20))
def test_text_is_filled_once_or_refused(text: str, value: str) -> None:
    try:
        template = Template(text=text)
    except InputError:
        return
    filled = template.fill(dict.fromkeys(template.columns, value))
    assert len(filled) == len(text) + sum(len(value) * text.count(f"{{{name}}}") for name in template.columns) - sum(
        text.count(f"{{{name}}}") * (len(name) + 2) for name in template.columns
    )


ELSEWHERE = ["", ".", "..", "...", "a/b", "a\\b", "C:", "a\0b", "a\n", "a.", "a ", 'a"b', "a?", "*", "|"]


@pytest.mark.parametrize("value", [*ELSEWHERE, "con", "NUL.txt", "Lpt1"])
def test_a_value_that_could_lead_elsewhere_is_no_part_of_a_path(value: str) -> None:
    with pytest.raises(InputError, match="the field f cannot be part of a file's name"):
        path_part("f", value)


@given(value=st.text(max_size=30))
def test_a_path_stays_in_its_folder(value: str) -> None:
    folder = Path("/keys")
    try:
        part = path_part("f", value)
    except InputError:
        return
    assert (folder / f"{part}.p12").parent == folder
    assert ".." not in (folder / part).parts


def test_the_bytes_of_an_object(tmp_path: Path) -> None:
    (tmp_path / "1001.bin").write_bytes(b"photo")
    content = Tlv(
        items=(
            (0x01, Text(template=Template(text="{name} {card.serial} {card.profile}"))),
            (0x7F49, Tlv(items=((0x81, Fixed(data=b"\x00")), (0x82, RandomBytes(size=16))))),
            (0x70, FromFile(template=Template(text="{employee}.bin"), folder=tmp_path)),
        )
    )
    fields = with_card(FIELDS, "4711", "piv")
    data = object_bytes(content, fields)
    assert tlv.find(data, [0x01]) == "Jörg {x} 4711 piv".encode()
    assert tlv.find(data, [0x7F49, 0x81]) == b"\x00"
    assert tlv.find(data, [0x70]) == b"photo"
    assert tlv.find(data, [0x7F49, 0x82]) != tlv.find(object_bytes(content, fields), [0x7F49, 0x82])


def test_a_file_for_an_object(tmp_path: Path) -> None:
    content = FromFile(template=Template(text="{employee}.bin"), folder=tmp_path)
    with pytest.raises(InputError, match="cannot read"):
        object_bytes(content, FIELDS)
    with pytest.raises(InputError, match="cannot be part of a file's name"):
        object_bytes(content, {"employee": "../x"})
    (tmp_path / "1001.bin").write_bytes(bytes(MAX_OBJECT + 5))
    with pytest.raises(InputError, match=f"an object of {MAX_OBJECT + 1} bytes"):
        object_bytes(content, FIELDS)
