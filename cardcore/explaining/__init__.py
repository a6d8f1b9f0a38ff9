"""What an operation of a profile would send: its commands with placeholders for what only a real card or person has."""

from __future__ import annotations

from cardcore.explaining.commands import Explained, Explanation, explain
from cardcore.explaining.values import Wish

__all__ = ["Explained", "Explanation", "Wish", "explain"]
