"""`cardcore sign` as a whole process against `pkcs11-tool --sign` on the same virtual card behind a real pcscd.

The commands run in turn, so that a drift of the machine's speed meets all; the ratio of their medians counts. Once
with no delay and once with 20 ms per APDU on the card's side, as slow cards have. Needs pcscd, vpcd and OpenSC.
The command's own processor time is told too: other work on the machine makes the wall time longer, that hardly.
The package is compiled to bytecode first, as every installer does; a checkout where Python may not write is not.
Run: `.venv/bin/python tools/bench/sign.py [--rounds N]`.
"""

from __future__ import annotations

import argparse
import compileall
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tools" / "pinpad-reader")]

from cardcore.opening import open_on  # noqa: E402 - found through the line above
from cardcore.softcard import SoftCard  # noqa: E402 - the same
from cardcore.softcard.registry import factory_secrets, volatile_card  # noqa: E402 - the same
from cardcore.transport.soft import SoftTransport  # noqa: E402 - the same
from tests.simulated.rig import PcscRig  # noqa: E402 - the same

FAMILY, KEY, TYPE, PIN = "piv", "9a", "rsa2048", "123456"
DELAYS = (0.0, 20.0)
GOAL_WITH_DELAY = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """One of the commands."""

    name: str
    command: Sequence[str]

    def seconds(self, env: Mapping[str, str], folder: Path) -> tuple[float, float]:
        """Wall time of one run, from the start of the process to its end, and its processor time."""
        before, began = _processor_time(), time.perf_counter()
        subprocess.run(self.command, env=env, cwd=folder, check=True, capture_output=True)  # noqa: S603 - our own lists
        return time.perf_counter() - began, _processor_time() - before


def _processor_time() -> float:
    """Seconds that processes took which have ended and been waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def prepared_card() -> SoftCard:
    """A software card with a key and a certificate for it."""
    card = volatile_card(FAMILY)
    name = x509.Name.from_rfc4514_string("CN=bench")
    with open_on(SoftTransport(card, "soft:bench")) as driver:
        driver.authenticate_admin(factory_secrets(FAMILY).admin or b"")
        public = driver.generate(KEY, TYPE)
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder(name, name, public, 1, now, now + timedelta(days=1))
        driver.write_certificate(KEY, builder.sign(ec.generate_private_key(ec.SECP256R1()), SHA256()))
    return card


def contenders(reader: str) -> tuple[Contender, ...]:
    """This project's command on a card that it meets for the first time and on one that it knows, and OpenSC's."""
    ours = str(Path(sys.executable).with_name("cardcore"))
    sign = ("sign", "--key", KEY, "--pin", "env:BENCH_PIN", "data", "--out", "ours")
    return (
        Contender(name="cardcore, unknown card", command=(ours, "--reader", reader, "--no-cache", *sign)),
        Contender(name="cardcore, known card", command=(ours, "--reader", reader, *sign)),
        Contender(
            name="pkcs11-tool",
            command=(
                *("pkcs11-tool", "--login", "--pin", PIN, "--sign", "--mechanism", "SHA256-RSA-PKCS", "--id", "01"),
                *("--input-file", "data", "--output-file", "theirs"),
            ),
        ),
    )


def compare(rig: PcscRig, card: SoftCard, delay: float, rounds: int, folder: Path) -> float:
    """Run them in turn, print their medians, return the ratio of an unknown card: ours / theirs."""
    exchanged: list[bytes] = []
    rig.insert(0, card, delay_ms=delay, watch=lambda command, _: exchanged.append(command))
    env = {**rig.env, "BENCH_PIN": PIN, "XDG_CACHE_HOME": str(folder / "cache")}
    commands = contenders(rig.reader_names[0])
    times: dict[str, list[tuple[float, float]]] = {contender.name: [] for contender in commands}
    apdus: dict[str, int] = {}
    for _ in range(rounds + 1):  # the first is for warming up
        for contender in commands:
            exchanged.clear()
            times[contender.name].append(contender.seconds(env, folder))
            apdus[contender.name] = len(exchanged)
    rig.remove(0)
    same = (folder / "ours").read_bytes() == (folder / "theirs").read_bytes()
    medians: dict[str, float] = {}
    for name, taken in times.items():
        wall, processor = (statistics.median(column) for column in zip(*taken[1:], strict=True))
        medians[name] = wall
        print(
            f"{delay:4.0f} ms per APDU  {name:<22} {wall * 1000:7.1f} ms, {processor * 1000:6.1f} ms of them "
            f"processor time  {apdus[name]:3d} APDUs"
        )
    unknown, known, theirs = medians.values()
    ratios = f"ratio {unknown / theirs:.2f}, known card {known / theirs:.2f}"
    print(f"{delay:4.0f} ms per APDU  {ratios}, same signature: {'yes' if same else 'NO'}")
    return unknown / theirs


def main() -> int:
    """Compare with and without delay; the exit status says whether the goal was met."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=9)
    rounds: int = parser.parse_args().rounds
    compileall.compile_dir(ROOT / "cardcore", quiet=1)
    card = prepared_card()
    with PcscRig(readers=2) as rig, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "data").write_bytes(os.urandom(10_000))
        ratios = {delay: compare(rig, card, delay, rounds, folder) for delay in DELAYS}
    print(f"goal with {DELAYS[-1]:.0f} ms per APDU: at most {GOAL_WITH_DELAY}; here: {ratios[DELAYS[-1]]:.2f}")
    return 0 if ratios[DELAYS[-1]] <= GOAL_WITH_DELAY else 1


if __name__ == "__main__":
    sys.exit(main())
