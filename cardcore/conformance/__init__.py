"""Whether a card does what its profile says: every operation tried, every result verified in software."""

from __future__ import annotations

from cardcore.conformance.report import Outcome, Report, Step
from cardcore.conformance.run import Secrets, Wishes, conform

__all__ = ["Outcome", "Report", "Secrets", "Step", "Wishes", "conform"]
