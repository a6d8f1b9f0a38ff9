"""Requests out as files, certificates in as files."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from cardcore.personalise.issuers import open_issuer
from cardcore.personalise.issuers.base import IssuerUnreachable, Pending
from cardcore.personalise.issuers.offline import MANIFEST
from cardcore.personalise.issuers.settings import Offline
from tests.unit.cli.openssl import openssl
from tests.unit.personalise.authority import authority, files, issued, key, order


def folders(folder: Path) -> Offline:
    return Offline(requests=folder / "out", certificates=folder / "in")


def manifest(folder: Path) -> list[dict[str, str]]:
    with (folder / "out" / MANIFEST).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_both_phases_with_openssl_as_the_ca(tmp_path: Path) -> None:
    settings, orders = folders(tmp_path), [order(f"run/{name}/9a") for name in ("anne", "bob")]
    issuer = open_issuer(settings)
    tokens = [issuer.order(each) for each in orders]
    assert all(isinstance(token, Pending) for token in tokens)
    certificate, private = files(tmp_path, authority())
    (tmp_path / "in").mkdir()
    for number, row in enumerate(manifest(tmp_path)):
        line = ("-days", row["days"], "-copy_extensions", "copy", "-CA", certificate, "-CAkey", private)
        out = ("-out", tmp_path / "in" / f"from-the-ca-{number}.crt")
        openssl("x509", "-req", "-in", tmp_path / "out" / row["file"], *line, *out)
    later = open_issuer(settings)
    for each, token in zip(orders, tokens, strict=True):
        assert isinstance(token, Pending)
        answer = issued(later.ask(each, token.token))
        made = x509.load_der_x509_certificate(answer.certificate)
        assert made.public_key() == key(each.reference).public_key()
        assert issuer.order(each) == answer


def test_an_order_is_written_once(tmp_path: Path) -> None:
    for _ in range(2):
        issuer = open_issuer(folders(tmp_path))
        for _ in range(2):
            issuer.order(order())
    (row,) = manifest(tmp_path)
    assert row["reference"] == order().reference
    assert row["subject"] == order().contents.subject
    assert [path.name for path in sorted((tmp_path / "out").iterdir())] == sorted([MANIFEST, row["file"]])


def test_a_line_that_was_cut_off_is_written_again(tmp_path: Path) -> None:
    open_issuer(folders(tmp_path)).order(order())
    file = tmp_path / "out" / MANIFEST
    file.write_bytes(file.read_bytes()[:-20])
    open_issuer(folders(tmp_path)).order(order())
    assert manifest(tmp_path)[-1]["reference"] == order().reference
    assert len(manifest(tmp_path)[-1]["sha256_of_public_key"]) == 64


def test_files_that_are_no_certificates_yet(tmp_path: Path) -> None:
    issuer, wanted = open_issuer(folders(tmp_path)), order()
    assert isinstance(issuer.order(wanted), Pending)
    incoming = tmp_path / "in"
    incoming.mkdir()
    (incoming / "folder.pem").mkdir()
    (incoming / "readme.txt").write_text("hello")
    ca = authority()
    pem = ca.issue(wanted).public_bytes(Encoding.PEM)
    (incoming / "half.pem").write_bytes(pem[:100])
    (incoming / "huge.pem").write_bytes(bytes(2 << 20))
    assert isinstance(issuer.ask(wanted, ""), Pending)
    (incoming / "half.pem").write_bytes(ca.pem + pem)
    assert issued(issuer.ask(wanted, "")).chain == (ca.certificate.public_bytes(Encoding.DER),)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("in the way")
    with pytest.raises(IssuerUnreachable, match="cannot be written"):
        open_issuer(folders(tmp_path)).order(order())
