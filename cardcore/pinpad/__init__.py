"""PIN entry on the reader's own keypad (PC/SC part 10): the host sends a template and never sees the PIN."""

from cardcore.pinpad.entry import PadEntry, PinGiven, PinPad
from cardcore.pinpad.features import PadReader, find_pad

__all__ = ["PadEntry", "PadReader", "PinGiven", "PinPad", "find_pad"]
