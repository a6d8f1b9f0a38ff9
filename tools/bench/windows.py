"""What the DLL costs Windows programs: hashing beside Wine's own provider, calls without a card, warm signatures.

A Win32 program measures under Wine; each hash is taken with both providers in turns. Two equal software cards stand
behind a private pcscd: the program signs with one through the DLL, this process with the other through `cardcore`, some
signatures each in turns. Run: `.venv/bin/python tools/bench/windows.py`.
"""

from __future__ import annotations

import hashlib
import os
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tools" / "pinpad-reader")]

from tests.frontend.agents import RunningAgent  # noqa: E402 - found through the line above
from tests.frontend.cards import PIN, make  # noqa: E402 - the same
from tests.frontend.wine import Wine, build_checks, build_dll  # noqa: E402 - the same
from tests.simulated.rig import PcscRig  # noqa: E402 - the same

HASH_GOAL = 0.8
CALL_GOAL_MS = 0.5
SIGNATURE_GOAL_MS = 2.0
MEBIBYTES = "64"
ROUNDS = "5"
SIGNATURES = 40
TURNS = 5


def hashes(wine: Wine, program: Path) -> bool:
    """Throughput by algorithm and size of the calls; the best of all rounds counts for each provider."""
    times = defaultdict[tuple[str, int], list[tuple[float, float]]](list)
    for line in wine.run(program, "bench-hashes", MEBIBYTES, ROUNDS, quiet=True).told("hash"):
        name, size, own, other = line.split()
        times[name, int(size)].append((float(own), float(other)))
    met = True
    for (name, piece), pairs in times.items():
        ours, theirs = (int(MEBIBYTES) * 1e6 / min(one) for one in zip(*pairs, strict=True))
        met &= ours / theirs >= HASH_GOAL
        speeds = f"{ours:6.0f} MiB/s DLL  {theirs:6.0f} MiB/s Wine  x{ours / theirs:.2f}"
        print(f"{name:<8} {piece // 1024:>6} KiB calls  {speeds}")
    return met


def calls(wine: Wine, program: Path, readers: tuple[str, ...]) -> bool:
    """Calls without a card, and what a signature takes longer than the card does."""
    import cardcore

    own: list[float] = []
    bare: list[float] = []
    digest = hashlib.sha256(b"bench").digest()
    for _ in range(TURNS):
        with cardcore.open_card(readers[1]) as card:
            card.verify(PIN)
            card.sign("9a", digest, prehashed=True, key_type="rsa2048")
            for _ in range(SIGNATURES):
                begun = time.perf_counter()
                card.sign("9a", digest, prehashed=True, key_type="rsa2048")
                bare.append((time.perf_counter() - begun) * 1000)
        said = wine.run(program, "bench-calls", f"\\\\.\\{readers[0]}\\", "1", PIN, str(SIGNATURES), quiet=True)
        own += [float(one) / 1000 for one in said.told("signatures")[0].split()]
    for name, text in (("call", "CryptGetHashParam"), ("context", "CryptAcquireContext and release")):
        fastest, median, slowest = (float(one) / 1000 for one in said.told(name)[0].split())
        print(f"{text:<32} {fastest:.3f} {median:.3f} {slowest:.3f} ms: fastest tenth, median, slowest tenth")
    call = float(said.told("call")[0].split()[1]) / 1000
    tenths = [statistics.quantiles(times, n=10)[0] for times in (own, bare)]
    more = tenths[0] - tenths[1]
    print(
        f"warm RSA-2048 signature  {tenths[0]:.2f} ms DLL  {tenths[1]:.2f} ms cardcore  {more:+.2f} ms, fastest tenths"
    )
    medians = [statistics.median(times) for times in (own, bare)]
    print(f"{'':<23}  {medians[0]:.2f} ms DLL  {medians[1]:.2f} ms cardcore, medians")
    return call <= CALL_GOAL_MS and more <= SIGNATURE_GOAL_MS


def main() -> int:
    """Measure and compare with the goals; the exit status says whether they were met."""
    with PcscRig(readers=2) as rig, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ.update(rig.env)
        os.environ["CARDCORE_SOFT_DIR"] = str(folder / "soft")
        program, dll = build_checks(folder), build_dll(folder / "dll", {})
        for reader in range(2):
            rig.insert(reader, make("piv").card)
        with Wine(folder / "wine") as wine, RunningAgent(wine.agent_folder):
            wine.register(dll)
            met = [hashes(wine, program), calls(wine, program, rig.reader_names)]
    print("goals:", *("met" if one else "MISSED" for one in met))
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
