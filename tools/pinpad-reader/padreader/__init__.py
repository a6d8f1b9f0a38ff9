"""The other side of `ifd.c`: a reader with a keypad, the card in it, and the person in front of it, all in Python.

It shares nothing with the PIN-pad code of cardcore, so that one fault cannot hide its twin.
"""

from padreader.behaviour import Behaviour
from padreader.person import Person
from padreader.reader import VirtualReader
from padreader.service import PadService

__all__ = ["Behaviour", "PadService", "Person", "VirtualReader"]
