"""The Larkspur on the software card: an invented card, for the guide in which a profile for it is written."""

from cardcore.softcard.larkspur.application import LarkspurApplication

APPLICATION = LarkspurApplication

__all__ = ["APPLICATION", "LarkspurApplication"]
