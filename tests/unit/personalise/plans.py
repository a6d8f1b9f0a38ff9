"""Plans in folders, with the files that they name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from cardcore.errors import ProfileError
from cardcore.personalise.envelope import Opener
from cardcore.personalise.plan import Plan
from cardcore.personalise.plan_reading import draft_plan, read_plan
from tests.unit.personalise.authority import authority, files

STAFF = """employee,name,mail,upn,code
1001,Anne O'Hara,anne@example.org,anne@corp.example.org,471103
1002,Jörg Müller,joerg@example.org,joerg@corp.example.org,908172
"""

PIV = """
plan: 1
name: Staff badges
holders: {csv: staff.csv, id: employee}
recipients: [issuer.pem]
issuers:
  staff: {local: {certificate: ca.pem, key: ca.key}}
cards:
  piv:
    factory:
      user: {published: "123456"}
      puk: {published: "12345678"}
      admin: {published: "010203040506070801020304050607080102030405060708"}
    initialise: true
    pins:
      user: {final: {random: {digits: 6}}, change_at_first_use: true}
      puk: {final: {random: {digits: 8}}}
    admin: {final: {derived: {master: env:MASTER}}, cipher: aes256}
    keys:
      9a:
        type: rsa2048
        certificate:
          issuer: staff
          subject: "CN={name},O=Example"
          upn: "{upn}"
          email: "{mail}"
          eku: [client-auth, smartcard-logon]
          days: 730
      9c: {type: ecp256, certificate: {issuer: staff, subject: "CN={name},O=Example", days: 730}}
    objects:
      printed: {tlv: {0x01: "{name}", 0x02: Example, 0x05: "{card.serial}", 0xFE: {hex: ""}}}
"""

OTHERS = """
  isoapplet:
    initialise: {label: "{name}"}
    pins:
      user: {initial: unset, final: {random: {digits: 6}}}
      puk: {initial: unset, final: {random: {characters: 16}}}
    keys:
      1: {type: rsa2048, certificate: {issuer: staff, subject: "CN={name}", days: 730}}
  gids:
    initialise: true
    pins:
      user: {initial: unset, final: {random: {digits: 6}}}
    admin: {initial: unset, final: random}
    keys:
      1: {type: rsa2048, certificate: {issuer: staff, subject: "CN={name}", days: 730}}
  openpgp:
    factory: {user: {published: "123456"}, admin: {published: "12345678"}}
    pins:
      user: {final: {random: {digits: 6}}}
      sign: {same_as: user}
      admin: {final: {random: {characters: 12}}}
      reset-code: {initial: unset, final: {random: {characters: 8}}}
    keys:
      signature: {type: rsa2048, certificate: {issuer: staff, subject: "CN={name}", days: 730}}
    objects: {name: "{name}", url: "https://example.org/{employee}"}
"""

ALL = PIV + OTHERS


@cache
def recipient_key(name: str = "issuer") -> rsa.RSAPrivateKey:
    """The key of a recipient, the same for a whole test run."""
    return rsa.generate_private_key(65537, 2048)


@cache
def recipient(name: str = "issuer", bits: int = 0) -> x509.Certificate:
    """The certificate of a recipient."""
    key = rsa.generate_private_key(65537, bits) if bits else recipient_key(name)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
    return builder.not_valid_after(now + timedelta(days=30)).sign(key, SHA256())


def recipient_pem(name: str = "issuer") -> bytes:
    """The private key of a recipient."""
    return recipient_key(name).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def recipient_opener() -> Opener:
    """Who opens what was sealed for the recipient of the plans here."""
    return Opener(recipient_key("issuer"), [recipient()])  # as in `recipient`: what is cached goes by arguments


def folder_of(path: Path, plan: str = PIV, holders: str = STAFF) -> Path:
    """A folder with a plan and all that it names; returns the plan's file."""
    path.mkdir(parents=True, exist_ok=True)
    (path / "staff.csv").write_text(holders, encoding="utf-8")
    (path / "issuer.pem").write_bytes(recipient().public_bytes(Encoding.PEM))
    (path / "issuer.key").write_bytes(recipient_pem())
    files(path, authority())
    file = path / "plan.yaml"
    file.write_text(plan, encoding="utf-8")
    return file


def plan_of(path: Path, plan: str = PIV, holders: str = STAFF) -> Plan:
    """A plan that has to be right."""
    return read_plan(folder_of(path, plan, holders))


def wrong(path: Path, plan: str, holders: str = STAFF) -> list[ProfileError]:
    """What is wrong with a plan."""
    draft = draft_plan(folder_of(path, plan, holders))
    assert (draft.plan is None) == bool(draft.problems)
    return list(draft.problems)
