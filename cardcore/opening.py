"""From a reader's name to a `Card`: which transport, which profile, which application."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from cardcore.card import Card
from cardcore.channel import Channel, ChannelLimits
from cardcore.engine import Engine
from cardcore.errors import CardError, CardReset, NoCard, NoReader, ReplyError, StatusError, UnknownCard
from cardcore.profile import catalog, match
from cardcore.profile.match import Candidate, Matched
from cardcore.profile.model import Extended, Profile
from cardcore.transport.base import Transport
from cardcore.transport.logged import LOGGER_NAME, LoggingTransport

SOFT = "soft:"
REPLAY = "replay:"
NO_CACHE = "CARDCORE_NO_CACHE"


def open_card(
    reader: str | None = None, *, profile: str | None = None, trace: Path | None = None, cache: bool = True
) -> Card:
    """Connect to a card, identify it, select its application.

    `reader` is a PC/SC reader's name or a unique part of it, `soft:NAME` for a software card, or `replay:FILE` for a
    recorded trace; None takes the only reader that holds a supported card. `profile` names a profile (or its file)
    and spares the search. `trace` is a file to record the exchange in, secrets masked.

    `cache` lets what other processes have learned of cards of this kind spare commands; it is off with the environment
    variable CARDCORE_NO_CACHE, and where an exchange is recorded or replayed, which has to be the same each time.
    """
    if reader is None:
        return _only_card(profile, trace, cache=cache)
    cached = cache and trace is None and not reader.startswith(REPLAY) and _cache_wanted()
    return open_on(open_transport(reader, trace=trace), profile, cached=cached)


def _cache_wanted() -> bool:
    return os.environ.get(NO_CACHE, "") in ("", "0")


def open_on(transport: Transport, profile: str | None = None, *, cached: bool = False) -> Card:
    """A `Card` on a transport that is open already; the transport is closed if that fails."""
    try:
        return open_among(transport, lambda: _candidates(profile), cached=cached)
    except UnknownCard as error:
        if profile is None:
            raise
        raise UnknownCard(
            f"the card is not one of the profile {profile}",
            hint="Without a name the profile that matches is found; `cardcore profile show` tells what one is for.",
        ) from error


def open_among(transport: Transport, candidates: Callable[[], Sequence[Candidate]], *, cached: bool = False) -> Card:
    """A `Card` of one of the profiles on a transport that is open already; the transport is closed if that fails."""
    try:
        _begin(transport)
        try:
            found = identify(transport, candidates())
        finally:
            transport.end()
        channel = Channel(transport, _limits(found.profile, transport))
        return Card(found.profile, channel, aid=found.aid, selected=True, reason=found.reason, cached=cached)
    except BaseException:
        transport.close()
        raise


def _begin(transport: Transport) -> None:
    """Start a transaction, also if another program has reset the card since it was connected."""
    try:
        transport.begin()
    except CardReset:
        transport.reconnect()
        transport.begin()


def open_transport(reader: str, *, trace: Path | None = None) -> Transport:
    """Connect to the card in a reader, whatever it is. NoReader, NoCard and the other TransportErrors."""
    transport = _connect(reader)
    if logging.getLogger(LOGGER_NAME).isEnabledFor(logging.DEBUG):
        transport = LoggingTransport(transport)
    if trace is None:
        return transport
    from cardcore.transport.recorder import RecorderTransport

    try:
        return RecorderTransport.to_file(transport, trace)
    except BaseException:
        transport.close()
        raise


def _connect(reader: str) -> Transport:
    if reader.startswith(SOFT):
        from cardcore.transport.soft import SoftTransport

        return SoftTransport.open(reader.removeprefix(SOFT))
    if reader.startswith(REPLAY):
        from cardcore.transport.replay import ReplayTransport

        return ReplayTransport.load(Path(reader.removeprefix(REPLAY)))
    from cardcore.transport import pcsc

    return pcsc.connect(_full_name(reader, [state.name for state in pcsc.list_readers()]))


def _full_name(wanted: str, names: list[str]) -> str:
    if wanted in names:
        return wanted
    found = [name for name in names if wanted.lower() in name.lower()]
    if len(found) == 1:
        return found[0]
    listed = "; ".join(found or names) or "none is connected"
    if found:
        raise NoReader(f"{wanted!r} is part of several readers' names", hint=f"Say which: {listed}.")
    raise NoReader(f"there is no reader {wanted!r}", hint=f"Readers: {listed}.")


def _only_card(profile: str | None, trace: Path | None, *, cache: bool) -> Card:
    """The card in the only reader that holds a supported one."""
    from cardcore.transport import pcsc

    occupied = [state.name for state in pcsc.list_readers() if state.present]
    if not occupied:
        raise NoCard("no reader holds a card", hint="Insert a card, or name a software card with --reader soft:NAME.")
    if len(occupied) == 1:
        return open_card(occupied[0], profile=profile, trace=trace, cache=cache)
    cards, reasons = _try_all(occupied, profile, cache=cache)
    if len(cards) == 1 and trace is None:
        return cards[0]
    for card in cards:
        card.close()
    if len(cards) == 1:  # once more from the beginning: what was tried in other readers is none of the trace's business
        return open_card(cards[0].reader, profile=profile, trace=trace, cache=cache)
    if cards:
        listed = "; ".join(card.reader for card in cards)
        raise NoReader("several readers hold a supported card", hint=f"Choose one with --reader: {listed}.")
    raise UnknownCard("no reader holds a supported card", hint=" ".join(reasons))


def _try_all(names: list[str], profile: str | None, *, cache: bool) -> tuple[list[Card], list[str]]:
    cards, reasons = [], []
    for name in names:
        try:
            cards.append(open_card(name, profile=profile, cache=cache))
        except CardError as error:
            reasons.append(f"{name}: {error.message}.")
    return cards, reasons


def _candidates(profile: str | None) -> list[Candidate]:
    return catalog.candidates() if profile is None else [Candidate.of(catalog.load(profile))]


def identify(transport: Transport, candidates: Sequence[Candidate]) -> Matched:
    """Find the one profile that the card matches, by ATR or by selecting applications; UnknownCard if there is none.

    Its application is selected then.
    """
    selected: dict[bytes, bytes | None] = {}
    last = b""

    def select(profile: Profile, aid: bytes) -> bytes | None:
        nonlocal last
        if aid not in selected or (selected[aid] is not None and last != aid):
            selected[aid] = _select(Engine(profile, Channel(transport)), aid)
            last = aid if selected[aid] is not None else last
        return selected[aid]

    found = match.resolve(candidates, transport.atr, select)
    if found is None:
        raise UnknownCard(f"no profile matches the card with the ATR {transport.atr.hex().upper()}")
    if found.aid and last != found.aid:
        select(found.profile, found.aid)
    return found


def _select(engine: Engine, aid: bytes) -> bytes | None:
    """The reply to SELECT, None if the card has no such application."""
    try:
        result = engine.run("select", {"aid": aid})
    except (StatusError, ReplyError):
        return None
    return result if isinstance(result, bytes) else b""


def _limits(profile: Profile, transport: Transport) -> ChannelLimits:
    limits = profile.limits
    extended = limits.extended is Extended.YES or (limits.extended is Extended.ATR and _atr_allows(transport.atr))
    return ChannelLimits(send=limits.send, chaining=limits.chaining, extended=extended)


def _atr_allows(atr: bytes) -> bool:
    """Whether the ATR says that the card takes extended length; one that is malformed, as some are, says nothing."""
    from cardcore import atr as answer_to_reset

    try:
        return answer_to_reset.parse(atr).extended_length
    except ReplyError:
        return False
