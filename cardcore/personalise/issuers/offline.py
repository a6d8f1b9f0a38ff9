"""Requests out as files, certificates in as files: for a CA that has no network, or whose people decide."""

from __future__ import annotations

import csv
import io
import os
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from cardcore import keyfiles
from cardcore.errors import CardError
from cardcore.personalise.issuers import files
from cardcore.personalise.issuers.base import Issued, IssuerUnreachable, Order, Pending
from cardcore.personalise.issuers.settings import Offline
from cardcore.personalise.requests import requested_key

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

MANIFEST = "manifest.csv"
COLUMNS = ("file", "reference", "subject", "days", "sha256_of_public_key")
_ENDINGS = frozenset({".pem", ".crt", ".cer", ".der"})


class OfflineIssuer:
    """Writes requests and a manifest of them; finds certificates by their public keys. Both phases may be repeated."""

    def __init__(self, settings: Offline) -> None:
        self._settings = settings
        self._lock = Lock()
        self._written: set[str] | None = None
        self._seen: dict[str, tuple[int, int]] = {}
        self._found: dict[bytes, Issued] = {}

    def order(self, order: Order) -> Issued | Pending:
        """Write the request, unless that was done before; the certificate, if it has come already."""
        key = _digest(requested_key(order.request))
        with self._lock:
            try:
                self._write(order, key)
            except OSError as error:
                raise IssuerUnreachable(
                    f"the request cannot be written: {error}", hint="Check the folder, its rights and the disk."
                ) from error
        return self.ask(order, key.hex())

    def ask(self, order: Order, token: str) -> Issued | Pending:
        """The certificate with the order's key, if it has come."""
        key = _digest(requested_key(order.request))
        with self._lock:
            if key not in self._found:
                self._look()
            return self._found.get(key) or Pending(token=key.hex())

    def close(self) -> None:
        """Nothing is open."""

    def _write(self, order: Order, key: bytes) -> None:
        """The request's file, named by its key, then its line in the manifest."""
        folder = self._settings.requests
        folder.mkdir(parents=True, exist_ok=True)
        manifest = folder / MANIFEST
        if self._written is None:
            self._written = _listed(manifest)
        name = f"{key.hex()[:32]}.csr"
        if name not in self._written:
            _replace(folder / name, keyfiles.encoded_request(order.request, as_der=False))
            row = (name, order.reference, order.contents.subject, str(order.contents.days), key.hex())
            _append(manifest, row)
            self._written.add(name)

    def _look(self) -> None:
        """Read what is new in the folder; what is no certificate (yet) is looked at again when it has changed."""
        try:
            entries = sorted(os.scandir(self._settings.certificates), key=lambda entry: entry.name)
        except OSError:
            return  # the folder need not be there before the first certificate is
        for entry in entries:
            if Path(entry.name).suffix.lower() not in _ENDINGS or not entry.is_file():
                continue
            state = entry.stat()
            mark = (state.st_mtime_ns, state.st_size)
            if self._seen.get(entry.name) != mark:
                self._seen[entry.name] = mark
                self._take(Path(entry.path))

    def _take(self, file: Path) -> None:
        try:
            found = files.certificates(file)
        except CardError:
            return
        for certificate in found:
            chain = tuple(_der(other) for other in found if other != certificate)
            self._found.setdefault(
                _digest(certificate.public_key()), Issued(certificate=_der(certificate), chain=chain)
            )


def _der(certificate: x509.Certificate) -> bytes:
    return keyfiles.encoded(certificate, as_der=True)


def _digest(public: CertificatePublicKeyTypes) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return sha256(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()


def _listed(manifest: Path) -> set[str]:
    """The names of the files that stand in whole lines of the manifest."""
    if not manifest.exists():
        return set()
    whole, _, _ = manifest.read_text("utf-8").rpartition("\n")
    return {row[0] for row in csv.reader(whole.splitlines()) if len(row) == len(COLUMNS)}


def _append(manifest: Path, row: tuple[str, ...]) -> None:
    """Add a line and see it to the disk; a line that a power cut tore apart is ended first."""
    with manifest.open("ab+") as stream:
        size = stream.seek(0, os.SEEK_END)
        start = b"" if size else _line(COLUMNS)
        if size:
            stream.seek(size - 1)
            start = b"" if stream.read(1) == b"\n" else b"\n"
        stream.write(start + _line(row))
        stream.flush()
        os.fsync(stream.fileno())


def _line(row: tuple[str, ...]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(row)
    return text.getvalue().encode()


def _replace(file: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    partial = file.with_suffix(".part")
    with partial.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(file)
