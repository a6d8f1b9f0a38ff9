"""A blank software card with files, and a look into its memory past its commands."""

from __future__ import annotations

from dataclasses import dataclass

from cardcore.softcard import ScryptCost, SoftCard
from cardcore.softcard.isoapplet import IsoApplication
from cardcore.softcard.memory import VolatileMemory
from cardcore.softcard.personality import Personality, Secrets

_NAME = IsoApplication.name
_LISTS = (0x4401, 0x4402, 0x4403, 0x4404, 0x4405, 0x5031)


@dataclass(frozen=True, slots=True, kw_only=True)
class IsoCard:
    """The card, and where it keeps everything."""

    soft: SoftCard
    memory: VolatileMemory

    @property
    def files(self) -> dict[int, bytes]:
        """Content of every elementary file by its identifier."""
        stored = self.memory.read(_NAME)["files"]
        made = {int.from_bytes(_identifier(bytes.fromhex(file["control"]))): file["content"] for file in stored}
        return {fid: bytes.fromhex(content) for fid, content in made.items() if content is not None}

    @property
    def values(self) -> set[int]:
        """The files of public keys and certificates, 33xx and 34xx."""
        return {fid for fid in self.files if fid >> 8 in (0x33, 0x34)}

    @property
    def named(self) -> set[int]:
        """Those of them that some list names by its path."""
        files = self.files
        lists = b"".join(files.get(fid, b"") for fid in _LISTS)
        return {fid for fid in range(0x3300, 0x3500) if b"\x04\x06\x3f\x00\x50\x15" + fid.to_bytes(2) in lists}


def _identifier(control: bytes) -> bytes:
    """What stands behind tag 83 in a file's control template."""
    return control.partition(b"\x83\x02")[2][:2]


def iso_card() -> IsoCard:
    """A blank one."""
    state = IsoApplication.fresh(Secrets(), Personality(serial=bytes(4), blank=True, cost=ScryptCost(n=16)))
    memory = VolatileMemory({_NAME: state})
    return IsoCard(soft=SoftCard([IsoApplication(memory)], memory), memory=memory)
