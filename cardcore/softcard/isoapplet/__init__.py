"""IsoApplet on the software card: an ISO 7816-4/-8/-9 file system with keys beside it, for PKCS#15."""

from cardcore.softcard.isoapplet.application import IsoApplication

APPLICATION = IsoApplication

__all__ = ["APPLICATION", "IsoApplication"]
