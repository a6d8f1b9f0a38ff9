"""What is in a certificate: subject, alternative names, usages, validity; as a plan says it, and for one holder."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cardcore.certificates import MAX_DAYS, parse_name
from cardcore.errors import InputError
from cardcore.keytypes import Kind, type_of
from cardcore.profile.model import Usage
from cardcore.tlv import encode

if TYPE_CHECKING:
    from cryptography import x509

    from cardcore.keytypes import PublicKey

EXTENDED_USAGES: Mapping[str, str] = {
    "client-auth": "1.3.6.1.5.5.7.3.2",
    "code-signing": "1.3.6.1.5.5.7.3.3",
    "email-protection": "1.3.6.1.5.5.7.3.4",
    "document-signing": "1.3.6.1.5.5.7.3.36",
    "smartcard-logon": "1.3.6.1.4.1.311.20.2.2",
    "any": "2.5.29.37.0",
}
"""Extended key usages by name (RFC 5280, 4.2.1.12; RFC 9336; Microsoft's smart-card logon)."""

KEY_USAGES: Mapping[str, str] = {
    "digital-signature": "digital_signature",
    "non-repudiation": "content_commitment",
    "key-encipherment": "key_encipherment",
    "data-encipherment": "data_encipherment",
    "key-agreement": "key_agreement",
}
"""Key usages by name (RFC 5280, 4.2.1.3), and what `cryptography` calls them."""

_ONLY_FOR = {"key-encipherment": Kind.RSA, "data-encipherment": Kind.RSA, "key-agreement": Kind.EC}
_BY_USE = {Usage.SIGN: "digital-signature", Usage.DECIPHER: "key-encipherment", Usage.AGREE: "key-agreement"}

USER_PRINCIPAL_NAME = "1.3.6.1.4.1.311.20.2.3"
SID_EXTENSION = "1.3.6.1.4.1.311.25.2"  # szOID_NTDS_CA_SECURITY_EXT of [MS-WCCE], 2.2.2.7.7.4
_SID_NAME = "1.3.6.1.4.1.311.25.2.1"
_UTF8_STRING, _OCTET_STRING = 0x0C, 0x04

MAX_TEXT = 256
"""Most characters of a value that a holder's record puts into a certificate."""

_OID = re.compile(r"[0-2](\.(0|[1-9]\d{0,19})){1,31}", re.ASCII)
_SID = re.compile(r"S-1-\d{1,15}(-\d{1,10}){1,15}", re.ASCII)
_MAIL = re.compile(r"[!-?A-~]{1,64}@[!-?A-~]{1,255}", re.ASCII)
_PRINCIPAL = re.compile(r"[^@\s\x00-\x1f\x7f]{1,256}@[^@\s\x00-\x1f\x7f]{1,255}")
_DNS = re.compile(r"(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.I | re.ASCII)
_FIELD = re.compile(r"\{([^{}]*)\}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What one certificate is to hold. `subject` is a name as in RFC 4514, `eku` holds dotted object identifiers.

    `key_usage` holds names of `KEY_USAGES`; empty: what the key is for decides. `sid` is a Windows security
    identifier, "S-1-5-21-..."; empty: none.
    """

    subject: str
    days: int
    upn: str = ""
    email: str = ""
    dns: tuple[str, ...] = ()
    eku: tuple[str, ...] = ()
    key_usage: tuple[str, ...] = ()
    sid: str = ""
    usage: frozenset[Usage] = frozenset({Usage.SIGN})

    def name(self) -> x509.Name:
        """The subject; InputError if it is no distinguished name."""
        return parse_name(self.subject)

    def key_usage_for(self, public: PublicKey) -> frozenset[str]:
        """The names of the key usages for a key; InputError if one was asked for that such a key cannot have."""
        kind = type_of(public).kind
        unfit = [name for name in self.key_usage if _ONLY_FOR.get(name, kind) is not kind]
        if unfit:
            raise InputError(f"the key usage {unfit[0]} does not go with a key of kind {kind}", hint="Change the plan.")
        names = self.key_usage or tuple(_BY_USE[use] for use in self.usage)
        return frozenset(name for name in names if _ONLY_FOR.get(name, kind) is kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentsTemplate:
    """What a plan says of a certificate: {field} in `subject`, `upn`, `email`, `dns` and `sid` stands for the
    holder's.

    `eku` holds names of `EXTENDED_USAGES` or dotted object identifiers, `key_usage` names of `KEY_USAGES`; empty:
    by what the key is for. `days` is the validity. InputError for anything else.
    """

    subject: str
    days: int
    upn: str = ""
    email: str = ""
    dns: tuple[str, ...] = ()
    eku: tuple[str, ...] = ()
    key_usage: tuple[str, ...] = ()
    sid: str = ""

    def __post_init__(self) -> None:
        if not 1 <= self.days <= MAX_DAYS:
            raise InputError(
                f"a certificate cannot be valid for {self.days} days", hint=f"Choose 1 to {MAX_DAYS} days."
            )
        for name in self.key_usage:
            if name not in KEY_USAGES:
                raise InputError(f"unknown key usage {name}", hint=f"Use {', '.join(KEY_USAGES)}.")
        for name in self.eku:
            extended_usage(name)

    @property
    def columns(self) -> frozenset[str]:
        """The fields of a holder's record that the template uses."""
        texts = (self.subject, self.upn, self.email, *self.dns, self.sid)
        return frozenset(name for text in texts for name in _FIELD.findall(text))

    def render(self, fields: Mapping[str, str], usage: frozenset[Usage] = frozenset({Usage.SIGN})) -> Contents:
        """The contents for one holder; `usage` is what the key is for. InputError for a record that does not fit."""
        return Contents(
            subject=_subject(_filled(self.subject, fields, escaped)),
            days=self.days,
            upn=_checked("upn", _filled(self.upn, fields), _PRINCIPAL),
            email=_checked("email", _filled(self.email, fields), _MAIL),
            dns=tuple(_checked("dns", _filled(text, fields), _DNS) for text in self.dns),
            eku=tuple(extended_usage(name) for name in self.eku),
            key_usage=self.key_usage,
            sid=_checked("sid", _filled(self.sid, fields), _SID),
            usage=usage,
        )


def extended_usage(name: str) -> str:
    """The dotted object identifier of an extended key usage, given by name or as such; InputError if it is neither."""
    if name in EXTENDED_USAGES:
        return EXTENDED_USAGES[name]
    if _OID.fullmatch(name):
        return name
    raise InputError(
        f"unknown extended key usage {name}", hint=f"Use {', '.join(EXTENDED_USAGES)}, or a dotted object identifier."
    )


def escaped(value: str) -> str:
    """A value as it has to stand in a distinguished name so that it stays one value (RFC 4514, 2.4)."""
    text = re.sub(r'([,+"\\<>;=#])', r"\\\1", value)
    if text.startswith(" "):
        text = "\\" + text
    if text.endswith(" ") and len(value) > 1:
        text = text[:-1] + "\\ "
    return text


def extensions(contents: Contents, public: PublicKey) -> list[x509.Extension[x509.ExtensionType]]:
    """The extensions by which contents are asked for and issued: alternative names, usages, security identifier."""
    from cryptography import x509

    names: list[x509.GeneralName] = []
    if contents.upn:
        value = encode(_UTF8_STRING, contents.upn.encode())
        names.append(x509.OtherName(x509.ObjectIdentifier(USER_PRINCIPAL_NAME), value))
    if contents.email:
        names.append(x509.RFC822Name(contents.email))
    names.extend(x509.DNSName(name) for name in contents.dns)
    found: list[tuple[x509.ExtensionType, bool]] = [(_key_usage(contents.key_usage_for(public)), True)]
    if contents.eku:
        found.append((x509.ExtendedKeyUsage([x509.ObjectIdentifier(oid) for oid in contents.eku]), False))
    if names:
        found.append((x509.SubjectAlternativeName(names), False))
    if contents.sid:
        found.append((_sid_extension(contents.sid), False))
    return [x509.Extension(value.oid, critical, value) for value, critical in found]


def _key_usage(names: frozenset[str]) -> x509.KeyUsage:
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature="digital-signature" in names,
        content_commitment="non-repudiation" in names,
        key_encipherment="key-encipherment" in names,
        data_encipherment="data-encipherment" in names,
        key_agreement="key-agreement" in names,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _sid_extension(sid: str) -> x509.UnrecognizedExtension:
    """The security identifier as [MS-WCCE] wants it: GeneralNames with one otherName of an OCTET STRING."""
    from cryptography import x509

    name = x509.OtherName(x509.ObjectIdentifier(_SID_NAME), encode(_OCTET_STRING, sid.encode("ascii")))
    value = x509.SubjectAlternativeName([name]).public_bytes()
    return x509.UnrecognizedExtension(x509.ObjectIdentifier(SID_EXTENSION), value)


def _filled(text: str, fields: Mapping[str, str], form: Callable[[str], str] = str) -> str:
    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name not in fields:
            raise InputError(f"the holder's record has no field {name}", hint="Add the column, or change the plan.")
        found = fields[name]
        if not found or len(found) > MAX_TEXT or _CONTROL.search(found):
            raise InputError(
                f"the field {name} cannot stand in a certificate",
                hint=f"It must have 1 to {MAX_TEXT} characters, and no control characters.",
            )
        return form(found)

    return _FIELD.sub(value, text)


def _subject(text: str) -> str:
    try:
        parse_name(text)
    except InputError as error:
        reason = f" ({error.__cause__})" if error.__cause__ else ""
        raise InputError(f"{error.message}{reason}", hint=error.hint) from error
    return text


def _checked(what: str, text: str, pattern: re.Pattern[str]) -> str:
    if text and not pattern.fullmatch(text):
        raise InputError(f"{text!r} is no {what} for a certificate", hint="Correct the holder's record or the plan.")
    return text
