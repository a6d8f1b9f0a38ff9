"""What a plan says, after every check: which cards, whose, with which secrets, keys, certificates and data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from cardcore.directory.names import require_key_name, require_name
from cardcore.personalise.certificate_contents import ContentsTemplate
from cardcore.personalise.issuers.settings import IssuerSettings
from cardcore.personalise.templates import CARD_PROFILE, CARD_SERIAL, PIN_PREFIX, Template, path_part
from cardcore.profile.model import Profile
from cardcore.secret import Secret
from cardcore.sources import Source

VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A factory secret that everybody knows, as the family's manual prints it. Never a secret of one's own."""

    value: Secret

    def __call__(self) -> Secret:
        """A copy of it, which whoever calls this may wipe."""
        return Secret(self.value.reveal())


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """The secret is the same for every card: that of a source. Keys are written there in hexadecimal."""

    source: Source | Published


@dataclass(frozen=True, slots=True, kw_only=True)
class FromField:
    """The secret is in the holder's record. Keys are written there in hexadecimal."""

    column: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What a PIN that is made looks like: so many digits, or so many letters and digits; a key has neither."""

    digits: int = 0
    characters: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Random:
    """The secret is made for each card, at random."""

    form: Form = Form()


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """The secret follows from a master key and the card's serial number (see `derivation`).

    `generation` tells the secrets apart that one card had one after the other, `context` those of several issuers or
    families under one master key.
    """

    master: Source
    generation: int = 1
    context: str = ""
    form: Form = Form()


SecretRule = Given | FromField | Random | Derived


@dataclass(frozen=True, slots=True, kw_only=True)
class PinPlan:
    """One PIN of the card.

    `initial` is that of a fresh card, None: it has none yet, and gets its first one. `final` is that of the finished
    card, None: it stays as it is. `same_as` names the PIN of which this one is only another view: it has no secret of
    its own. `change_at_first_use`: whoever gets the card has to choose another one; where the card has no way to
    enforce that, the letter has to say so.
    """

    name: str
    same_as: str = ""
    initial: SecretRule | None = None
    final: SecretRule | None = None
    change_at_first_use: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminPlan:
    """The admin key: as in `PinPlan`.

    The ciphers are names of `cardcore.procedures.CIPHERS`; `initial_cipher` is empty where the card is to be asked.
    """

    initial: SecretRule | None = None
    final: SecretRule | None = None
    initial_cipher: str = ""
    cipher: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """A key pair out of a PKCS #12 file per holder; `with_certificate`: the certificate in it goes to the card too."""

    pkcs12: Template
    passphrase: Given | FromField
    folder: Path
    with_certificate: bool = False

    def path(self, fields: Mapping[str, str]) -> Path:
        """The holder's file; InputError where the record would lead out of its folder."""
        return self.folder / self.pkcs12.fill(fields, path_part)


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificatePlan:
    """A certificate: by which of the plan's issuers, and what is in it."""

    issuer: str
    contents: ContentsTemplate


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPlan:
    """One key pair: `type` is a name of `cardcore.keytypes.KEY_TYPES`; generated on the card unless imported.

    `type` is empty where an imported key may be of any. `label` is the name by which programs list the pair.
    """

    name: str
    type: str = ""
    label: Template | None = None
    imported: Import | None = None
    certificate: CertificatePlan | None = None

    def label_for(self, fields: Mapping[str, str]) -> str:
        """The name of the pair on one card, empty for none; InputError if not every family of cards has room for it."""
        if self.label is None:
            return ""
        found = self.label.fill(fields)
        require_key_name(f"the label of the key {self.name}", found)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """The template, filled, as UTF-8."""

    template: Template


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """These bytes."""

    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class FromFile:
    """What a file holds, one for all or one per holder."""

    template: Template
    folder: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomBytes:
    """So many bytes, new for each card."""

    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tlv:
    """BER-TLV: pairs of a tag and what is in it."""

    items: tuple[tuple[int, Content], ...]


Content = Text | Fixed | FromFile | RandomBytes | Tlv


@dataclass(frozen=True, slots=True, kw_only=True)
class Initialise:
    """The card is blank and is made usable first (`Card.initialise`), with a label where its family has one."""

    label: Template | None = None

    def label_for(self, fields: Mapping[str, str]) -> str:
        """The label of one card, empty for none; InputError if no card could keep it."""
        found = "" if self.label is None else self.label.fill(fields)
        if found:
            require_name("the label of the card", found)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class CardPlan:
    """What is done with cards of one profile.

    `only` restricts it to holders whose fields have one of the values. Objects are written in their order.
    """

    profile: Profile
    only: Mapping[str, frozenset[str]] = field(default_factory=dict)
    initialise: Initialise | None = None
    pins: Mapping[str, PinPlan] = field(default_factory=dict)
    admin: AdminPlan | None = None
    keys: Mapping[str, KeyPlan] = field(default_factory=dict)
    objects: Mapping[str, Content] = field(default_factory=dict)

    def is_for(self, fields: Mapping[str, str]) -> bool:
        """Whether the holder with this record gets such a card."""
        return all(fields.get(column, "") in values for column, values in self.only.items())

    def rules(self) -> tuple[SecretRule, ...]:
        """Every rule by which a secret of such a card is found."""
        admin = (self.admin,) if self.admin else ()
        found = [rule for part in (*self.pins.values(), *admin) for rule in (part.initial, part.final)]
        imports = [key.imported.passphrase for key in self.keys.values() if key.imported]
        return tuple(rule for rule in (*found, *imports) if rule is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvHolders:
    """Holders from a CSV file (RFC 4180); `delimiter` empty: found out from the first line."""

    path: Path
    id_column: str
    delimiter: str = ""
    encoding: str = "utf-8-sig"


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonHolders:
    """Holders from a file with one JSON object per line."""

    path: Path
    id_column: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlHolders:
    """Holders from a query; the database's URL is a secret because its password is in it."""

    url: Source
    query: str
    id_column: str


HoldersSettings = CsvHolders | JsonHolders | SqlHolders


class LetterFormat(StrEnum):
    """What a letter is, as a file."""

    PDF = "pdf"
    TEXT = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToRecipients:
    """Letters become files in a folder, each encrypted (CMS) to these certificates."""

    certificates: tuple[Path, ...]
    folder: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ToPrinter:
    """Letters go to the standard input of a command, one run per letter; no shell takes part."""

    arguments: tuple[str, ...]
    timeout: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LettersPlan:
    """PIN letters: the template is a file's text, in which {pin.NAME} stands for a PIN.

    `font` and `pin_font` are TrueType files; None: fonts that every PDF reader has, which know Western European
    letters only.
    """

    template: Template
    destination: ToRecipients | ToPrinter
    format: LetterFormat = LetterFormat.PDF
    font: Path | None = None
    pin_font: Path | None = None

    @property
    def pins(self) -> frozenset[str]:
        """The names of the PINs that the letter shows."""
        names = (name for name in self.template.columns if name.startswith(PIN_PREFIX))
        return frozenset(name.removeprefix(PIN_PREFIX) for name in names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A whole plan. `digest` is the SHA-256 value of its file, `columns` what it needs of a holder's record.

    `parts` are digests of what the file lays down for cards, by path (see `plan_parts`).

    `recipients` are files of certificates: whoever has one of their keys can open the secrets in the journal.
    """

    name: str
    file: Path
    digest: bytes
    holders: HoldersSettings
    cards: Mapping[str, CardPlan]
    issuers: Mapping[str, IssuerSettings] = field(default_factory=dict)
    recipients: tuple[Path, ...] = ()
    letters: LettersPlan | None = None
    columns: frozenset[str] = frozenset()
    parts: Mapping[str, str] = field(default_factory=dict)

    def card_for(self, profile_id: str, fields: Mapping[str, str]) -> CardPlan | None:
        """What is done with a card of that profile for the holder with this record; None: the holder gets none such."""
        found = self.cards.get(profile_id)
        return found if found and found.is_for(fields) else None


def with_card(fields: Mapping[str, str], serial: str, profile_id: str) -> dict[str, str]:
    """A holder's record with what templates may say of the card."""
    return {**fields, CARD_SERIAL: serial, CARD_PROFILE: profile_id}
