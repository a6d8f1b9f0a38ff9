"""The card file system of GIDS: the minidriver's files, the container map and the key map.

What the files hold is said by the Windows Smart Card Minidriver Specification, 7.07 (cardid, cardcf, cardapps,
cmapfile, certificates); how they lie in data objects, and the key map, is not published: the layout here is the one
that OpenSC and the minidriver in Windows share.
"""

from cardcore.directory.gids.containers import Container, ContainerMap, KeyMap
from cardcore.directory.gids.directory import GidsDirectory
from cardcore.directory.gids.filesystem import FileTable, TableEntry

__all__ = ["Container", "ContainerMap", "FileTable", "GidsDirectory", "KeyMap", "TableEntry"]
