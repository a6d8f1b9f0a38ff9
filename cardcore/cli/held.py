"""A card that stays open from one command to the next, as in the interactive shell."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cardcore.cli.context import Context, forgetting
from cardcore.errors import CardError, TransportError

if TYPE_CHECKING:
    from cardcore import Card
    from cardcore.transport.base import Transport


class Holder:
    """The open card of a shell. What was proved to it lasts until raw commands were sent, or it is given back."""

    def __init__(self) -> None:
        self._card: Card | None = None
        self._transport: Transport | None = None

    @property
    def card(self) -> Card | None:
        """The card, if one is open and identified."""
        return self._card

    def identified(self, context: Context) -> Card:
        """The open card; if there is none yet, it is opened now."""
        from cardcore.opening import open_on

        if self._card is None:
            transport, self._transport = self.connected(context), None  # who fails here closes it
            self._card = open_on(transport, context.profile)
            self._transport = transport
        return self._card

    def connected(self, context: Context) -> Transport:
        """The connection; if there is none yet, it is made now."""
        from cardcore.cli.context import only_occupied
        from cardcore.opening import open_transport

        if self._transport is None:
            self._transport = open_transport(context.reader or only_occupied(), trace=context.trace)
        return self._transport

    def forget(self) -> None:
        """Identify anew when the card is wanted next: what was sent may have selected something else."""
        self._card = None

    def give_back(self) -> None:
        """Log out and let the card go; one that went away by itself is no error."""
        card, transport = self._card, self._transport
        self._card = self._transport = None
        with suppress(CardError):
            if card is not None:
                card.close()
            elif transport is not None:
                transport.reset()
        if transport is not None:
            with suppress(CardError):
                transport.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldContext(Context):
    """The global options of a shell; its commands share one card."""

    holder: Holder
    held_reader: str | None = None

    @contextmanager
    def card(self) -> Iterator[Card]:
        """The card of the shell, left open; given back if the exchange with it fails."""
        try:
            yield self.holder.identified(self)
        except TransportError:
            self.holder.give_back()
            raise

    @contextmanager
    def transport(self) -> Iterator[Transport]:
        """The connection of the shell, left open; another reader's is closed."""
        from cardcore.transport.wrapper import TransportWrapper

        if self.reader != self.held_reader:
            with Context.transport(self) as other:
                yield other
            return

        class Kept(TransportWrapper):
            """Stays open when a command has done with it."""

            def close(self) -> None:
                """Leave it to the shell."""

        try:
            with forgetting():
                yield Kept(self.holder.connected(self))
        except TransportError:
            self.holder.give_back()
            raise
        finally:
            self.holder.forget()
