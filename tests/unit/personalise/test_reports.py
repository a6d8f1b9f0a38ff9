"""Reports of a run and certificates of personalisation: what they tell, that they escape, that no secret is in them."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from io import StringIO

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cardcore.errors import InputError
from cardcore.personalise.card_certificate import read_card
from cardcore.personalise.journal import Journal
from cardcore.personalise.reasons import PARKINGS, Reason
from cardcore.personalise.report import Hour, read_report
from cardcore.personalise.report_forms import card_document, cards_table, report_document, revocations_table
from cardcore.personalise.report_html import bar_chart, card_page, duration, report_page
from cardcore.personalise.states import CardState
from tests.unit.personalise.authority import key
from tests.unit.personalise.filled_journal import PLAN, SECRET, STEPS, filled


class _Page(HTMLParser):
    """The texts of a page, and whether its tags close one another."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "rect", "line"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("rect", "line"):
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Journal:
    return filled(tmp_path_factory.mktemp("journal") / "journal.db")[0]


def test_a_run_is_counted(journal: Journal) -> None:
    report = read_report(journal, journal.run("r1"))
    states = [line.card.state for line in report.cards]
    assert states == [CardState.REPLACED, CardState.DONE, CardState.DONE, CardState.PARKED]
    assert (report.totals.done, report.totals.parked) == (2, 1)
    assert report.parked() == {Reason.CARD_REMOVED: 1}
    assert report.refusals() == {"holds-keys": 1}
    assert report.cards[3].advice == PARKINGS[Reason.CARD_REMOVED].advice
    assert sum(hour.cards for hour in report.hours) == 2


def test_times_and_commands_of_each_step(journal: Journal) -> None:
    report = read_report(journal, journal.run("r1"))
    assert [times.step for times in report.steps] == list(STEPS)
    generating = report.steps[1]
    assert generating.median == pytest.approx(2.5 * 1.25)
    assert generating.longest == pytest.approx(2.5 * 1.4)
    assert (generating.cards, generating.apdus, generating.found) == (4, 6, 0)
    assert report.steps[0].found == 4
    assert report.cards[0].apdus == 3 * (1 + 2 + 3 + 4 + 5)


def test_documents_are_json_and_hold_no_secret(journal: Journal) -> None:
    document = json.dumps(report_document(read_report(journal, journal.run("r1"))))
    card = json.dumps(card_document(read_card(journal, 2)))
    for text in (document, card):
        assert SECRET not in text
        assert SECRET[::-1] not in text
        assert "envelope" not in text
    assert json.loads(document)["revocations"][0]["why"] == "superseded"
    assert json.loads(card)["secrets"] == [{"name": "user", "state": "current", "source": "random"}]


def test_the_public_key_is_the_one_that_was_certified(journal: Journal) -> None:
    (line,) = read_card(journal, 2).keys
    public = key("card 2").public_key()
    assert line.public_key.encode() == public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    assert line.fingerprint == sha256(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()
    assert line.certificate.subject is not None


def test_tables_are_no_formulas(journal: Journal) -> None:
    report = read_report(journal, journal.run("r1"))
    rows = list(csv.DictReader(StringIO(cards_table(report))))
    assert [row["holder"] for row in rows] == ["'=h0", "'=h1", "'=h2", "'=h3"]
    assert rows[3]["reason"] == "card-removed"
    (revoked,) = csv.DictReader(StringIO(revocations_table(report)))
    assert (revoked["holder"], revoked["why"], revoked["key"]) == ("'=h0", "superseded", "9a")


def test_pages_are_whole_and_escaped(journal: Journal) -> None:
    page = report_page(read_report(journal, journal.run("r1")))
    shown = _Page(page)
    assert not shown.open[len([tag for tag in shown.open if tag == "!doctype"]) :]
    assert any(PLAN in text for text in shown.texts)
    assert "<badges>" not in page
    assert "2 of 4 holders wait" in page
    assert "http" not in page.replace("http-equiv", "")
    card = card_page(read_card(journal, 4))
    assert "Not finished: parked" in card
    assert not _Page(card).open
    assert SECRET not in page + card


@pytest.mark.parametrize(
    ("seconds", "hours", "pace"),
    [
        (60.0, (2,), 120),  # two cards in a minute are not two an hour
        (600.0, (1, 1), 12),  # nor is a run over the hour's end two hours long
        (30 * 3600.0, (1, 0, 1), 1),  # a night without work does not count
    ],
)
def test_the_pace_is_that_of_the_hours_at_work(
    journal: Journal, seconds: float, hours: tuple[int, ...], pace: int
) -> None:
    report = read_report(journal, journal.run("r1"))
    cards = [
        replace(line, card=replace(line.card, claimed_at=0.0, ended_at=seconds if line.card.ended_at else None))
        for line in report.cards
    ]
    worked = tuple(Hour(start=number * 3600.0, cards=count) for number, count in enumerate(hours))
    texts = _Page(report_page(replace(report, cards=tuple(cards), hours=worked))).texts
    assert texts[texts.index("cards an hour") - 1] == str(pace)


def test_many_cards_and_none() -> None:
    assert "<svg" in bar_chart([])
    assert duration(None) == ""
    assert [duration(value) for value in (0.0123, 1.5, 125.0)] == ["12 ms", "1.5 s", "2:05"]


def test_what_is_not_there(journal: Journal) -> None:
    with pytest.raises(InputError, match="no card 99"):
        read_card(journal, 99)
