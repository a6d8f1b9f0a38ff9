"""The 25 functions at the client, with the parameters that the table of calls lists; each is one call on the wire."""

from __future__ import annotations

from abc import ABC, abstractmethod

from csp_frontend.calls import Answer, Argument, Output


class Functions(ABC):
    """The functions of the provider by their documented names; a test holds them to the table of calls.

    Every one raises CspError with the code that GetLastError would give.
    """

    @abstractmethod
    def call(self, name: str, *arguments: Argument) -> Answer:
        """Call one function by its name."""

    def CPAcquireContext(self, container: str | None, flags: int, window: int = 0) -> int:
        """Open a container, make one or delete one; answers the context."""
        return _int(self.call("CPAcquireContext", container, flags, window))

    def CPReleaseContext(self, context: int, flags: int) -> None:
        """Close a context, and everything made in it."""
        self.call("CPReleaseContext", context, flags)

    def CPGenKey(self, context: int, algorithm: int, flags: int) -> int:
        """Make a key: a pair on the token, or a session key."""
        return _int(self.call("CPGenKey", context, algorithm, flags))

    def CPDeriveKey(self, context: int, algorithm: int, base: int, flags: int) -> int:
        """Make a session key from a hash."""
        return _int(self.call("CPDeriveKey", context, algorithm, base, flags))

    def CPDestroyKey(self, context: int, key: int) -> None:
        """Close a key."""
        self.call("CPDestroyKey", context, key)

    def CPSetKeyParam(self, context: int, key: int, parameter: int, data: bytes | None, flags: int) -> None:
        """Set a parameter of a key."""
        self.call("CPSetKeyParam", context, key, parameter, data, flags)

    def CPGetKeyParam(self, context: int, key: int, parameter: int, room: int | None, flags: int) -> Output:
        """Read a parameter of a key."""
        return _output(self.call("CPGetKeyParam", context, key, parameter, room, flags))

    def CPExportKey(
        self, context: int, key: int, public_key: int, blob_type: int, flags: int, room: int | None
    ) -> Output:
        """Write a key as a blob."""
        return _output(self.call("CPExportKey", context, key, public_key, blob_type, flags, room))

    def CPImportKey(self, context: int, data: bytes, public_key: int, flags: int) -> int:
        """Make a key from a blob."""
        return _int(self.call("CPImportKey", context, data, public_key, flags))

    def CPEncrypt(
        self, context: int, key: int, hash: int, final: bool, flags: int, data: bytes | None, length: int, room: int
    ) -> Output:
        """Encrypt."""
        return _output(self.call("CPEncrypt", context, key, hash, final, flags, data, length, room))

    def CPDecrypt(
        self, context: int, key: int, hash: int, final: bool, flags: int, data: bytes | None, length: int
    ) -> Output:
        """Decrypt."""
        return _output(self.call("CPDecrypt", context, key, hash, final, flags, data, length))

    def CPCreateHash(self, context: int, algorithm: int, key: int, flags: int) -> int:
        """Begin a hash."""
        return _int(self.call("CPCreateHash", context, algorithm, key, flags))

    def CPHashData(self, context: int, hash: int, data: bytes, flags: int) -> None:
        """Hash data."""
        self.call("CPHashData", context, hash, data, flags)

    def CPHashSessionKey(self, context: int, hash: int, key: int, flags: int) -> None:
        """Hash a session key."""
        self.call("CPHashSessionKey", context, hash, key, flags)

    def CPGetHashParam(self, context: int, hash: int, parameter: int, room: int | None, flags: int) -> Output:
        """Read a parameter of a hash, its value too."""
        return _output(self.call("CPGetHashParam", context, hash, parameter, room, flags))

    def CPDestroyHash(self, context: int, hash: int) -> None:
        """Close a hash."""
        self.call("CPDestroyHash", context, hash)

    def CPSignHash(
        self, context: int, hash: int, key_spec: int, description: str | None, flags: int, room: int | None
    ) -> Output:
        """Sign a hash with the key of the container."""
        return _output(self.call("CPSignHash", context, hash, key_spec, description, flags, room))

    def CPGenRandom(self, context: int, length: int, seed: bytes) -> bytes:
        """As many random bytes."""
        return _bytes(self.call("CPGenRandom", context, length, seed))

    def CPGetUserKey(self, context: int, key_spec: int) -> int:
        """Open the key pair of the container."""
        return _int(self.call("CPGetUserKey", context, key_spec))

    def CPSetProvParam(self, context: int, parameter: int, data: bytes | None, flags: int) -> None:
        """Set a parameter of a context."""
        self.call("CPSetProvParam", context, parameter, data, flags)

    def CPGetProvParam(self, context: int, parameter: int, room: int | None, flags: int) -> Output:
        """Read a parameter of a context."""
        return _output(self.call("CPGetProvParam", context, parameter, room, flags))

    def CPSetHashParam(self, context: int, hash: int, parameter: int, data: bytes | None, flags: int) -> None:
        """Set a parameter of a hash, its value too."""
        self.call("CPSetHashParam", context, hash, parameter, data, flags)

    def CPVerifySignature(
        self, context: int, hash: int, signature: bytes, public_key: int, description: str | None, flags: int
    ) -> None:
        """Verify a signature of a hash."""
        self.call("CPVerifySignature", context, hash, signature, public_key, description, flags)

    def CPDuplicateHash(self, context: int, hash: int, reserved: int, flags: int) -> int:
        """Copy a hash."""
        return _int(self.call("CPDuplicateHash", context, hash, reserved, flags))

    def CPDuplicateKey(self, context: int, key: int, reserved: int, flags: int) -> int:
        """Copy a session key."""
        return _int(self.call("CPDuplicateKey", context, key, reserved, flags))


def _int(answer: Answer) -> int:
    assert isinstance(answer, int)  # noqa: S101 - marshalling has made sure
    return answer


def _bytes(answer: Answer) -> bytes:
    assert isinstance(answer, bytes)  # noqa: S101 - marshalling has made sure
    return answer


def _output(answer: Answer) -> Output:
    assert isinstance(answer, Output)  # noqa: S101 - marshalling has made sure
    return answer
