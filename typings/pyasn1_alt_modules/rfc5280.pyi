# Only the types that cardcore uses are described.
from pyasn1.type import univ

class AlgorithmIdentifier(univ.Sequence): ...
