"""What the agent and the wire cost: a warm signature, a call that needs no card, and hashing.

Two equal software cards stand behind a private pcscd: this process drives one through `cardcore`, the agent the
other, in turns, so that whatever else the machine does is the same for both. The goal is held against the
fastest tenth, which shows what is ours and not what else the machine does; processor time shows the same.
Run: `.venv/bin/python tools/bench/csp.py`.
"""

from __future__ import annotations

import hashlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tools" / "pinpad-reader")]

from csp_frontend.client import Client  # noqa: E402 - found through the line above
from csp_frontend.constants import Acquire, Alg, Hp, SetPp  # noqa: E402 - the same
from csp_frontend.endpoint import NoAgent, read  # noqa: E402 - the same
from tests.frontend.cards import PIN, make  # noqa: E402 - the same
from tests.simulated.rig import PcscRig  # noqa: E402 - the same

GOAL_MS = 1.0
ROUNDS = 150
CALLS = 3000
MEBIBYTES = 64


def milliseconds(work: Callable[[], object]) -> float:
    """How long it takes once."""
    begin = time.perf_counter()
    work()
    return (time.perf_counter() - begin) * 1000


def spent(work: Callable[[], object], pid: int = 0) -> tuple[float, float]:
    """How long it takes once, and how much processor time of this thread and of another process: in milliseconds."""
    other = (~pid << 3) | 2  # the clock of a process, as clock_getcpuclockid(3) makes it on Linux
    before = time.clock_gettime(other) if pid else 0.0
    busy = time.thread_time()
    taken = milliseconds(work)
    busy = time.thread_time() - busy + (time.clock_gettime(other) - before if pid else 0.0)
    return taken, busy * 1000


@contextmanager
def agent(folder: Path) -> Iterator[Path]:
    """An agent in a process of its own; yields its endpoint file."""
    env = {**os.environ, "PERSONAL_CSP_DIR": str(folder), "XDG_CONFIG_HOME": str(folder), "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, "-m", "csp_frontend", "agent"], env=env)
    file, deadline = folder / "agent", time.monotonic() + 30
    try:
        while time.monotonic() < deadline:
            try:
                read(file)
                break
            except NoAgent:
                time.sleep(0.05)
        yield file
    finally:
        process.terminate()
        process.wait()


def signatures(client: Client, reader: str, other: str, slot: str) -> float:
    """Milliseconds that a warm CPSignHash takes longer than the same signature in this process."""
    import cardcore

    digest = hashlib.sha256(b"benchmark").digest()
    context = client.CPAcquireContext(f"\\\\.\\{reader}\\", Acquire.CRYPT_SILENT)
    client.CPSetProvParam(context, SetPp.PP_SIGNATURE_PIN, PIN.encode(), 0)
    hashed = client.CPCreateHash(context, Alg.CALG_SHA_256, 0, 0)
    client.CPSetHashParam(context, hashed, Hp.HP_HASHVAL, digest, 0)
    with cardcore.open_card(other) as card:
        card.verify(PIN)

        def through_wire() -> object:
            return client.CPSignHash(context, hashed, 1, None, 0, 512)

        def in_process() -> object:
            return card.sign(slot, digest, prehashed=True, key_type="rsa2048")

        pid = client.status()["agent"]["pid"]
        for _ in range(5):
            through_wire()
            in_process()
        pairs = [(spent(in_process), spent(through_wire, pid)) for _ in range(ROUNDS)]
    return compared(pairs)


def compared(pairs: Sequence[tuple[tuple[float, float], tuple[float, float]]]) -> float:
    """Print what the pairs of time and processor time come to; how much the fastest tenth takes longer."""
    more = 0.0
    for title, place in (("processor time", 1), ("time", 0)):
        own, csp = ([side[place] for side in sides] for sides in zip(*pairs, strict=True))
        usual = statistics.median(wire - bare for bare, wire in zip(own, csp, strict=True))
        fast = [statistics.quantiles(times, n=10)[0] for times in (own, csp)]
        more = fast[1] - fast[0]
        medians = f"{statistics.median(own):6.2f} ms in process  {statistics.median(csp):6.2f} ms CPSignHash"
        print(f"warm RSA-2048 signature, {title:<15} {medians}  {usual:+6.2f} ms, medians")
        print(f"{'':<40} {fast[0]:6.2f} ms in process  {fast[1]:6.2f} ms CPSignHash  {more:+6.2f} ms, fastest tenths")
    return more


def cheap(client: Client) -> None:
    """How fast calls are that need no card."""
    context = client.CPAcquireContext(None, Acquire.CRYPT_VERIFYCONTEXT)
    for title, work in (
        ("ping", client.ping),
        ("CPGetHashParam", _hash_size(client, context)),
    ):
        times = [milliseconds(work) for _ in range(CALLS)]
        print(f"{title:<24} {statistics.median(times) * 1000:6.0f} us  {1000 * CALLS / sum(times):8.0f} calls/s")


def _hash_size(client: Client, context: int) -> Callable[[], object]:
    hashed = client.CPCreateHash(context, Alg.CALG_SHA_256, 0, 0)
    return lambda: client.CPGetHashParam(context, hashed, Hp.HP_HASHSIZE, 4, 0)


def hashing(client: Client) -> None:
    """Throughput of CPHashData by the size of the calls, against hashlib."""
    context = client.CPAcquireContext(None, Acquire.CRYPT_VERIFYCONTEXT)
    for size in (4096, 65536, 1 << 20):
        piece, count = os.urandom(size), MEBIBYTES * (1 << 20) // size
        expected = hashlib.sha256()

        def local(expected: hashlib._Hash = expected, piece: bytes = piece, count: int = count) -> None:
            for _ in range(count):
                expected.update(piece)

        bare = milliseconds(local)
        hashed = client.CPCreateHash(context, Alg.CALG_SHA_256, 0, 0)

        def remote(hashed: int = hashed, piece: bytes = piece, count: int = count) -> bytes | None:
            for _ in range(count):
                client.CPHashData(context, hashed, piece, 0)
            return client.CPGetHashParam(context, hashed, Hp.HP_HASHVAL, 32, 0).data

        csp = milliseconds(remote)
        if remote_value(client, context, hashed) != expected.digest():
            raise SystemExit("a wrong hash")
        rate, own = MEBIBYTES * 1000 / csp, MEBIBYTES * 1000 / bare
        speeds = f"{own:6.0f} MiB/s hashlib  {rate:6.0f} MiB/s CPHashData  x{rate / own:.2f}"
        print(f"SHA-256, {size // 1024:>4} KiB calls  {speeds}")


def remote_value(client: Client, context: int, hashed: int) -> bytes | None:
    """The value of a hash that is finished."""
    return client.CPGetHashParam(context, hashed, Hp.HP_HASHVAL, 32, 0).data


def main() -> int:
    """Measure and compare with the goal; the exit status says whether it was met."""
    card = make("piv")
    with PcscRig(readers=2) as rig, tempfile.TemporaryDirectory() as folder:
        os.environ.update(rig.env)
        os.environ["CARDCORE_SOFT_DIR"] = folder
        rig.insert(0, card.card)
        other = make("piv")
        rig.insert(1, other.card)
        with agent(Path(folder) / "agent") as file, Client(file) as client:
            more = signatures(client, rig.reader_names[0], rig.reader_names[1], "9a")
            cheap(client)
            hashing(client)
    print(f"goal: {GOAL_MS} ms more per signature; here: {more:.2f} ms")
    return 0 if more <= GOAL_MS else 1


if __name__ == "__main__":
    sys.exit(main())
