# The classes of pyscard are not described: only the function level, smartcard.scard, is used.
