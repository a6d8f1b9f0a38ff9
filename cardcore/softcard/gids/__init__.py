"""The GIDS application (Generic Identity Device Specification 2.0), as the free Java Card applet of it behaves."""

from cardcore.softcard.gids.application import GidsApplication

APPLICATION = GidsApplication

__all__ = ["APPLICATION", "GidsApplication"]
