"""A client process for load tests: threads that sign, are refused, and look for what is not theirs. argv[1] is JSON.

Says one line of JSON at its end: how often each thing was done, and everything that was wrong.
"""

from __future__ import annotations

import json
import secrets
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from csp_frontend.client import Client
from csp_frontend.constants import Acquire, Alg, Code, Nx, Pp, SetPp
from csp_frontend.errors import CspError


class Target:
    """A container that may be signed with, or may not."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.container: str = told["container"]
        self.spec: int = told["spec"]
        self.pin: str = told["pin"]
        self.key = rsa.RSAPublicNumbers(65537, int(told["modulus"], 16)).public_key()


class Worker:
    """What one thread does, again and again until the time is over."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.done: Counter[str] = Counter()
        self.wrong: list[str] = []

    def run(self, name: str, action: Callable[[], None], until: float) -> None:
        """Do it; what goes wrong is noted, not raised."""
        while time.monotonic() < until:
            try:
                action()
            except CspError as error:
                self.wrong.append(f"{name}: {error}")

    def sign(self, target: Target) -> None:
        """Sign something new, and check that the card has signed just that with just that key."""
        data = secrets.token_bytes(secrets.randbelow(5000))
        signature = self._signed(target, target.pin, data)
        try:
            target.key.verify(signature[::-1], data, padding.PKCS1v15(), SHA256())
        except InvalidSignature:
            self.wrong.append("a wrong signature")
        self.done["signed"] += 1

    def intrude(self, target: Target) -> None:
        """Without the PIN, while others sign with the same card: there must never be a signature."""
        try:
            self._signed(target, "", b"intruder", Acquire.CRYPT_SILENT)
            self.wrong.append("a signature without a PIN")
        except CspError as error:
            if error.code != Code.NTE_SILENT_CONTEXT:
                self.wrong.append(f"intrude: {error}")
        self.done["kept out"] += 1

    def mistype(self, target: Target) -> None:
        """A wrong PIN and its reason, which this thread is told and no other; then the right one."""
        try:
            self._signed(target, "111111", b"mistyped", reason=Nx.ERROR_NX_PIN_INCORRECT)
            self.wrong.append("a signature with a wrong PIN")
        except CspError as error:
            if error.code != Code.NTE_FAIL:
                self.wrong.append(f"mistype: {error}")
        self.done["mistyped"] += 1
        self.sign(target)

    def _signed(
        self, target: Target, pin: str, data: bytes, flags: int = 0, reason: Nx = Nx.ERROR_NX_UNDEFINED
    ) -> bytes:
        client = self.client
        context = client.CPAcquireContext(target.container, flags)
        try:
            if pin:
                client.CPSetProvParam(context, SetPp.PP_SIGNATURE_PIN, pin.encode(), 0)
            hashed = client.CPCreateHash(context, Alg.CALG_SHA_256, 0, 0)
            for start in range(0, len(data), 512):
                client.CPHashData(context, hashed, data[start : start + 512], 0)
            try:
                answer = client.CPSignHash(context, hashed, target.spec, None, 0, 512)
            finally:
                told = client.CPGetProvParam(context, Pp.PP_NX_LAST_ERROR, 4, 0).data
                if told != int(reason).to_bytes(4, "little"):
                    self.wrong.append(f"last error {told!r} in place of {reason.name}")
            return answer.data or b""
        finally:
            client.CPReleaseContext(context, 0)


def main() -> None:
    """Start the threads that argv tells, wait for them, say how it went."""
    told = json.loads(sys.argv[1])
    until = time.monotonic() + told["seconds"]
    workers, threads = [], []
    with Client(Path(told["file"]), program=told["program"]) as client:
        for job in told["threads"]:
            worker, targets = Worker(client), [Target(target) for target in job["targets"]]
            method: Callable[[Target], None] = getattr(worker, job["does"])

            def action(method: Callable[[Target], None] = method, targets: list[Target] = targets) -> None:
                for target in targets:
                    method(target)

            workers.append(worker)
            threads.append(threading.Thread(target=worker.run, args=(job["does"], action, until)))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    done: Counter[str] = Counter()
    for worker in workers:
        done.update(worker.done)
    print(json.dumps({"done": done, "wrong": [wrong for worker in workers for wrong in worker.wrong][:20]}))


if __name__ == "__main__":
    main()
