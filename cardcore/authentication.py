"""Who has proved what: PINs, PUKs and the admin key of one card, never guessing and never wasting a try."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from cardcore import sw as status
from cardcore.errors import (
    CardError,
    InputError,
    LastTry,
    NotFound,
    NotSupported,
    PinBlocked,
    PinEntryError,
    PinError,
    PinRequired,
    ReplyError,
    SecurityStatus,
    StatusError,
)
from cardcore.pin import PinBlock, PinSpec, Stretching
from cardcore.pinpad.given import PinGiven, PinPad
from cardcore.profile.model import Admin, Needs
from cardcore.profile.template import Value
from cardcore.secret import Secret
from cardcore.session import Session
from cardcore.sw import Sw

if TYPE_CHECKING:
    from cardcore.pinpad.entry import PadEntry
    from cardcore.pinpad.features import PadReader


@dataclass(frozen=True, slots=True, kw_only=True)
class PinStatus:
    """State of one PIN; `tries_left` is None where the card does not tell (many do not while it is verified)."""

    name: str
    label: str
    tries_left: int | None
    verified: bool

    @property
    def blocked(self) -> bool:
        """Whether no try is left."""
        return self.tries_left == 0


class Authentication:
    """PINs and admin key of one session.

    Before each VERIFY the card is asked how many tries are left, unless it has told so in the same transaction. With
    one left nothing is sent unless `last_try` is given; with none, PinBlocked. A refused PIN is never sent again by
    itself.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def spec(self, name: str) -> PinSpec:
        """What the profile says of the PIN; NotSupported if there is none of that name."""
        pins = self._session.profile.pins
        if name not in pins:
            raise NotSupported(f"this card has no PIN named {name}", hint=f"It has {', '.join(pins) or 'none'}.")
        return pins[name]

    def status(self, name: str = "user") -> PinStatus:
        """Ask the card for the state of a PIN, without spending a try."""
        spec = self.spec(name)
        left, verified = self._ask(spec)
        return PinStatus(name=name, label=spec.label or name, tries_left=left, verified=verified)

    def _ask(self, spec: PinSpec) -> tuple[int | None, bool]:
        if not spec.tries or not self._session.engine.can(spec.tries):
            return None, False
        try:
            answer = self._session.run(spec.tries, {"pin.ref": spec.ref, "pin.name": spec.name})
        except StatusError:  # a card without this query: it does not tell
            return None, False
        if spec.tries == "retries" and isinstance(answer, int):
            return status.tries_left(answer), answer == Sw.OK
        return (answer if isinstance(answer, int) else None), False

    def verify(self, pin: PinGiven, name: str = "user", *, last_try: bool = False) -> None:
        """Verify a PIN; PinError with the tries left, LastTry or PinBlocked before it would do harm."""
        spec = self.spec(name)
        with (
            self._session.transaction(),
            self._blocks({"pin.block": (spec, pin)}) as (blocks, pad),
            self._guarded(spec, last_try=last_try),
        ):
            try:
                self._session.run("verify", {"pin.ref": spec.ref, "pin.name": name, **blocks}, pad)
            except NotFound as error:
                raise NotSupported(
                    f"this card has no {spec.label or name} that could be verified",
                    hint="A PUK is only used to unblock a PIN; a blank card gets its PIN by `cardcore init`.",
                ) from error
        self._session.verified.add(name)
        self._session.fresh_pin, self._session.unsettled = name, False
        if self._is_admin_pin(name):
            self._session.admin = True

    @cached_property
    def pin_pad(self) -> PadReader | None:
        """The PIN pad of the card's reader, also one that must not be used; None if it has none. Asked once."""
        from cardcore.pinpad.features import find_pad

        with self._session.transaction():
            transport = self._session.channel.transport
            return find_pad(transport.name, transport.control)

    @contextmanager
    def _blocks(
        self, pins: Mapping[str, tuple[PinSpec, PinGiven]]
    ) -> Iterator[tuple[dict[str, Value | Secret], PadEntry | None]]:
        """PIN blocks by their names in templates: encoded here, or placeholders and what fills them in."""
        known = {name: (spec, pin) for name, (spec, pin) in pins.items() if isinstance(pin, Secret)}
        pads = [pin for _, pin in pins.values() if isinstance(pin, PinPad)]
        if not pads:
            with ExitStack() as blocks:
                yield {name: blocks.enter_context(self._block(spec, pin)) for name, (spec, pin) in known.items()}, None
            return
        if known:
            raise InputError(
                "the PINs of one command are entered on the reader's keypad either all or not at all",
                hint="Give both from the keypad, or neither.",
            )
        from cardcore.pinpad.entry import PadEntry

        entry = PadEntry(self.pin_pad, pads[0], {name: spec for name, (spec, _) in pins.items()})
        for spec, _ in pins.values():
            if self._stretching(spec) is not None:
                raise NotSupported(
                    f"the {spec.label or spec.name} cannot be entered on the reader's keypad: the card wants it hashed"
                )
        yield entry.placeholders(), entry

    def _block(self, spec: PinSpec, pin: Secret) -> PinBlock:
        """The PIN as it goes to the card, hashed where the card says so."""
        return spec.block(pin, self._stretching(spec))

    def _stretching(self, spec: PinSpec) -> Stretching | None:
        """How the card wants this PIN hashed, read anew each time: a PIN hashed otherwise would cost a try."""
        if spec.kdf is None:
            return None
        try:
            answer = self._session.run("kdf", {"pin.ref": spec.ref, "pin.name": spec.name})
        except NotFound:  # a card from before that was thought of
            return None
        if not isinstance(answer, dict) or answer.get("method") in (None, "none"):
            return None
        salt, count, hash_name = (answer.get(name) for name in ("salt", "count", "hash"))
        if answer["method"] != spec.kdf or not isinstance(salt, bytes) or not isinstance(count, bytes):
            raise ReplyError("the card wants PINs hashed, but does not say how in a way that is known")
        return Stretching(hash_name=str(hash_name), salt=salt, count=int.from_bytes(count))

    def _is_admin_pin(self, name: str) -> bool:
        admin = self._session.profile.admin
        return admin is not None and admin.pin == name

    def change(self, old: PinGiven, new: PinGiven, name: str = "user", *, last_try: bool = False) -> None:
        """Change a PIN that is known."""
        spec = self.spec(name)
        with (
            self._session.transaction(),
            self._blocks({"pin.block": (spec, old), "new_pin.block": (spec, new)}) as (blocks, pad),
            self._guarded(spec, last_try=last_try),
        ):
            self._session.run("change", {"pin.ref": spec.ref, "pin.name": name, **blocks}, pad)

    def unblock(self, puk: PinGiven | None, new: PinGiven, name: str = "user", *, last_try: bool = False) -> None:
        """Set a new PIN with the PUK, or the admin key where that unblocks; `last_try` is about the PUK's counter.

        Without either by the authority of the administrator, who has been authenticated already.
        """
        spec = self.spec(name)
        if puk is None:
            self._set_by_admin(spec, new)
            return
        if not spec.unblock:
            raise NotSupported(f"the {spec.label or name} of this card is not unblocked with a PUK")
        if spec.unblock not in self._session.profile.pins:
            self._unblock_as_admin(spec, puk, new, last_try=last_try)
            return
        puk_spec = self.spec(spec.unblock)
        with (
            self._session.transaction(),
            self._blocks({"puk.block": (puk_spec, puk), "new_pin.block": (spec, new)}) as (blocks, pad),
            self._guarded(puk_spec, last_try=last_try),
        ):
            values: dict[str, Value | Secret] = {"pin.ref": spec.ref, "pin.name": name, "puk.ref": puk_spec.ref}
            self._session.run("unblock", {**values, **blocks, "authority": "puk"}, pad)

    def _set_by_admin(self, spec: PinSpec, new: PinGiven) -> None:
        known: dict[str, Value | Secret] = {"pin.ref": spec.ref, "pin.name": spec.name, "authority": "admin"}
        if Needs.ADMIN not in self._session.engine.needs("unblock", known):
            raise NotSupported(f"the administrator of this card cannot set the {spec.label or spec.name}")
        with self._session.transaction(), self._blocks({"new_pin.block": (spec, new)}) as (blocks, pad):
            self._session.run("unblock", {**known, **blocks}, pad)

    def _unblock_as_admin(self, spec: PinSpec, key: PinGiven, new: PinGiven, *, last_try: bool) -> None:
        with self._session.transaction(), self._blocks({"new_pin.block": (spec, new)}) as (blocks, pad):
            self.admin(key, last_try=last_try)
            known: dict[str, Value | Secret] = {"pin.ref": spec.ref, "pin.name": spec.name, "authority": "admin"}
            self._session.run("unblock", {**known, **blocks}, pad)
            self._session.verified.discard(spec.name)
            self._session.admin = False  # some cards end it with this command; at worst it has to be proved again

    @contextmanager
    def _guarded(self, spec: PinSpec, *, last_try: bool) -> Iterator[None]:
        """One transaction in which the counter is asked first, and a refusal is told with what is left."""
        label = spec.label or spec.name
        with self._session.transaction():
            left = self._session.told_tries(spec.name)
            if left is None and spec.tries in ("", "retries"):  # others stand in an object of this application's own
                self._session.make_sure()
            left = self._ask(spec)[0] if left is None else left
            if left == 0:
                raise PinBlocked(f"the {label} is blocked", tries_left=0, hint=self._way_out(spec))
            if left == 1 and not last_try:
                raise LastTry(f"one try is left for the {label}, so it was not sent", tries_left=1)
            try:
                yield
            except PinEntryError:  # the card saw nothing of it
                raise
            except CardError as error:
                self._session.verified.discard(spec.name)
                self._session.fresh_pin = ""
                self._session.unsettled &= not isinstance(error, PinError)
                self._session.admin = self._session.admin and not self._is_admin_pin(spec.name)
                if isinstance(error, PinError):
                    raise self._told(error, spec) from error
                raise

    def _told(self, error: PinError, spec: PinSpec) -> PinError:
        """The same refusal, naming the PIN, with the tries left asked for where the card did not say."""
        label = spec.label or spec.name
        left = error.tries_left
        if left is None:
            left = self._ask(spec)[0]
        if left == 0:
            return PinBlocked(f"the {label} is blocked now", sw=error.sw, tries_left=0, hint=self._way_out(spec))
        tries = "" if left is None else f", {left} {'try' if left == 1 else 'tries'} left"
        return PinError(
            f"wrong {label}{tries}", sw=error.sw, tries_left=left, hint=f"Check the {label} before you try again."
        )

    def _way_out(self, spec: PinSpec) -> str:
        """What to do about a blocked PIN: the error's own hint where a PUK unblocks it."""
        if not spec.unblock:
            return "Nothing on this card unblocks it."
        new = (
            "Unblock it with the PUK (`cardcore pin unblock`); a card that is still blank has no PIN: `cardcore init`."
        )
        return new if self._session.engine.can("set-up") else ""

    def logout(self) -> None:
        """End what VERIFY began, where the card can; also resets what this session knows."""
        session = self._session
        for name in sorted(session.verified):
            if session.engine.can("logout"):
                session.run("logout", {"pin.ref": self.spec(name).ref, "pin.name": name})
                session.admin = session.admin and not self._is_admin_pin(name)
        session.verified.clear()
        session.fresh_pin = ""

    def admin(self, key: PinGiven, cipher: str = "", *, last_try: bool = False) -> None:
        """Authenticate as administrator; `cipher` is found out where it is not given.

        Where the administrator has a PIN, the key is its text, and `last_try` is about its counter.
        """
        admin = self._admin()
        if admin.pin:
            self.verify(key, admin.pin, last_try=last_try)
            return
        if isinstance(key, PinPad):
            raise NotSupported("the admin key of this card is no PIN, so it cannot be entered on the reader's keypad")
        from cardcore.procedures import PROCEDURES, check_key

        with self._session.transaction():
            chosen = cipher or self._cipher(admin, key)
            values = {"admin.ref": admin.ref, "admin.alg": self._identifier(admin, chosen)}
            check_key(key, chosen)
            self._session.admin = False
            PROCEDURES[admin.procedure](self._session.run, key, chosen, values)
            self._session.admin, self._session.unsettled = True, False

    def keeps_admin(self) -> bool:
        """Whether the card itself keeps the admin key behind a PIN; no PIN is needed for the question."""
        if not self._session.engine.can("admin-kept"):
            return False
        try:
            answer = self._session.run("admin-kept", {})
        except (StatusError, ReplyError):  # no such record, or one of somebody else's making
            return False
        return isinstance(answer, dict) and answer.get("key") == "kept"

    def kept_admin(self) -> Secret:
        """The admin key that the card keeps; PinRequired if its PIN was not verified, ReplyError if there is none."""
        try:
            found = self._session.run("admin-key", {})
        except SecurityStatus as error:
            raise PinRequired("the card gives the admin key that it keeps only after its PIN") from error
        except (NotFound, ReplyError):
            found = b""
        if not isinstance(found, bytes) or not found:
            raise ReplyError("the card says that it keeps the admin key, but has none", hint="Give the key itself.")
        return Secret(found)

    def change_admin(self, new: Secret, cipher: str = "") -> None:
        """Replace the admin key; the old one must have been used with `admin` before.

        Where the card keeps the key it keeps the new one from now on.
        """
        admin = self._admin()
        if admin.pin:
            raise NotSupported(
                "the administrator of this card has a PIN", hint=f"Use `cardcore pin change --name {admin.pin}`."
            )
        from cardcore.procedures import check_key

        chosen = cipher or self._cipher(admin, new, present=False)
        check_key(new, chosen)
        values: dict[str, Value | Secret] = {
            "admin.ref": admin.ref,
            "new_admin.alg": self._identifier(admin, chosen),
            "new_admin.length": len(new),
            "new_admin.key": new,
        }
        with self._session.transaction():
            kept = self.keeps_admin()
            self._session.run("admin-change", values)
            if kept:
                self._session.run("admin-keep", {"new_admin.key": new})

    def pin_from_factory(self, name: str) -> bool | None:
        """Whether the card says that a PIN still has its factory value; None where it does not tell."""
        spec = self.spec(name)
        return self._flag("pin-factory", {"pin.ref": spec.ref, "pin.name": spec.name})

    def admin_from_factory(self) -> bool | None:
        """As `pin_from_factory`, of the admin key."""
        return self._flag("admin-factory", {"admin.ref": self._admin().ref})

    def _flag(self, operation: str, values: Mapping[str, Value]) -> bool | None:
        if not self._session.engine.can(operation):
            return None
        try:
            answer = self._session.run(operation, values)
        except (StatusError, ReplyError):
            return None
        return bool(answer) if isinstance(answer, int) else None

    def admin_cipher(self) -> str:
        """The cipher of the admin key as the card tells it; empty if it does not."""
        return self._told_cipher(self._admin())

    def _admin(self) -> Admin:
        admin = self._session.profile.admin
        if admin is None:
            raise NotSupported("this card has no admin key")
        return admin

    def _identifier(self, admin: Admin, cipher: str) -> int:
        if cipher not in admin.ciphers:
            raise NotSupported(f"this card has no {cipher} admin key", hint=f"It has {', '.join(admin.ciphers)}.")
        return admin.ciphers[cipher]

    def _cipher(self, admin: Admin, key: Secret, *, present: bool = True) -> str:
        """The cipher that the card tells, else the profile's default if the key fits it, else the one that fits.

        A key that is not `present` on the card yet need not have the cipher of the one that is.
        """
        from cardcore.procedures import CIPHERS

        fitting = [name for name in admin.ciphers if len(key) in CIPHERS[name].key_sizes]
        if not fitting:
            sizes = sorted({size for name in admin.ciphers for size in CIPHERS[name].key_sizes})
            raise InputError(
                f"the admin key has {len(key)} bytes", hint=f"This card takes {', '.join(map(str, sizes))} bytes."
            )
        told = self._told_cipher(admin) if len(fitting) > 1 else ""
        if told and (present or told in fitting):
            return told
        return admin.default_cipher if admin.default_cipher in fitting else fitting[0]

    def _told_cipher(self, admin: Admin) -> str:
        if not self._session.engine.can("admin-info"):
            return ""
        try:
            answer = self._session.run("admin-info", {"admin.ref": admin.ref})
        except StatusError:
            return ""
        return next((name for name, number in admin.ciphers.items() if number == answer), "")
