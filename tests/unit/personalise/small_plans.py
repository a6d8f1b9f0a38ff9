"""Plans for one holder, with keys that are made quickly: a plan for each family, everything changed that can be."""

from __future__ import annotations

from types import MappingProxyType

ONE = "employee,name,mail\n1001,Anne O'Hara,anne@example.org\n"

_HEAD = """
plan: 1
name: Staff badges
holders: {csv: staff.csv, id: employee}
recipients: [issuer.pem]
issuers:
  staff: {local: {certificate: ca.pem, key: ca.key}}
cards:
"""

_PIV = """
  piv:
    factory:
      user: {published: "123456"}
      puk: {published: "12345678"}
      admin: {published: "010203040506070801020304050607080102030405060708"}
    initialise: true
    pins:
      user: {final: {random: {digits: 6}}}
      puk: {final: {random: {digits: 8}}}
    admin: {final: {derived: {master: env:MASTER}}, cipher: aes256}
    keys:
      9a: {type: ecp256, certificate: {issuer: staff, subject: "CN={name},O=Example", email: "{mail}", days: 30}}
      9c: {type: ecp256, certificate: {issuer: staff, subject: "CN={name},O=Example", days: 30}}
    objects:
      printed: {tlv: {0x01: "{name}", 0x05: "{card.serial}", 0xFE: {hex: ""}}}
"""

_OPENPGP = """
  openpgp:
    factory: {user: {published: "123456"}, admin: {published: "12345678"}}
    pins:
      user: {final: {random: {digits: 6}}}
      sign: {same_as: user}
      admin: {final: {random: {characters: 12}}}
      reset-code: {initial: unset, final: {random: {characters: 8}}}
    keys:
      signature: {type: ecp256, certificate: {issuer: staff, subject: "CN={name}", days: 30}}
      decryption: {type: ecp256}
    objects: {name: "{name}", url: "https://example.org/{employee}"}
"""

_GIDS = """
  gids:
    initialise: true
    pins:
      user: {initial: unset, final: {random: {digits: 6}}}
    admin: {initial: unset, final: random}
    keys:
      1: {type: rsa1024, label: "{name}", certificate: {issuer: staff, subject: "CN={name}", days: 30}}
"""

_ISOAPPLET = """
  isoapplet:
    initialise: {label: "{name}"}
    pins:
      user: {initial: unset, final: {random: {digits: 6}}}
      puk: {initial: unset, final: {random: {characters: 16}}}
    keys:
      1: {type: rsa2048, label: "Key of {name}", certificate: {issuer: staff, subject: "CN={name}", days: 30}}
"""

SMALL = MappingProxyType(
    {"piv": _HEAD + _PIV, "openpgp": _HEAD + _OPENPGP, "gids": _HEAD + _GIDS, "isoapplet": _HEAD + _ISOAPPLET}
)
