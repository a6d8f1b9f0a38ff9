# Only the types that cardcore uses are described.
from pyasn1.type import univ

class PBKDF2_params(univ.Sequence): ...
class PBMAC1_params(univ.Sequence): ...

id_PBKDF2: univ.ObjectIdentifier
id_PBMAC1: univ.ObjectIdentifier
