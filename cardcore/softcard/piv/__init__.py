"""The PIV application (NIST SP 800-73-4, part 2) with the widespread vendor extensions."""

from cardcore.softcard.piv.application import PivApplication

APPLICATION = PivApplication

__all__ = ["APPLICATION", "PivApplication"]
