"""A program that wants a signature and waits for it, as programs do while a person is asked."""

from __future__ import annotations

import threading
from typing import Self

from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.hashes import SHA256

from csp_frontend.client import Client
from csp_frontend.constants import AT_KEYEXCHANGE, Alg, Code, Pp
from csp_frontend.errors import CspError
from tests.frontend.bench import other_key

MESSAGE = b"Sing, goddess, of the anger of Achilles\n"


class Signing:
    """A signature that is being made by a program, in a thread: `signature` or `error` when it has ended."""

    def __init__(self, client: Client, reader: str, flags: int = 0) -> None:
        self.signature = b""
        self.error: CspError | None = None
        self._client = client
        self._arguments = (f"\\\\.\\{reader}\\", flags)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            context = self._client.CPAcquireContext(*self._arguments)
            self.nx = 0
            handle = self._client.CPCreateHash(context, Alg.CALG_SHA_256, 0, 0)
            self._client.CPHashData(context, handle, MESSAGE, 0)
            try:
                self.signature = self._client.CPSignHash(context, handle, AT_KEYEXCHANGE, None, 0, 256).data or b""
            except CspError:
                told = self._client.CPGetProvParam(context, Pp.PP_NX_LAST_ERROR, 4, 0).data or b""
                self.nx = int.from_bytes(told, "little")
                raise
        except CspError as error:
            self.error = error

    @property
    def has_ended(self) -> bool:
        """Whether the program goes on."""
        return not self._thread.is_alive()

    def ended(self) -> Self:
        """Wait for its end."""
        self._thread.join(60)
        assert self.has_ended
        return self

    def code(self) -> Code | None:
        """How it ended; None for a signature, which is verified."""
        if self.ended().error is None:
            public = other_key(0).public_key()
            public.verify(self.signature[::-1], MESSAGE, padding.PKCS1v15(), SHA256())
        return self.error.code if self.error else None
