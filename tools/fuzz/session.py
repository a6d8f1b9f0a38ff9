"""Runs one target under atheris: `tools/fuzz/run TARGET [--seconds N]`.

What is found is written to .fuzz/TARGET-...; give that file as the last argument to run it once more.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["cardcore", "csp_frontend"]):
    from tools.fuzz.targets import TARGETS, Target

FOLDER = Path(__file__).resolve().parents[2] / ".fuzz"
MOST_SECONDS = 2.0
"""Processor time for one input."""
_HANG = 60  # seconds of wall time after which libFuzzer gives an input up, on a busy machine too


class Slow(Exception):
    """An input takes longer than it may."""


def main() -> None:
    """Fuzz until the time is over; exit status 0 if nothing was found."""
    given = _arguments()
    target = TARGETS[given.target]
    corpus = FOLDER / given.target
    corpus.mkdir(parents=True, exist_ok=True)
    if not any(corpus.iterdir()):
        for number, seed in enumerate(target.seeds()):
            (corpus / f"seed-{number:04}").write_bytes(seed)
    words = FOLDER / f"{given.target}.dict"
    words.write_text("".join(f'"{word}"\n' for word in dict.fromkeys(target.words)), encoding="ascii")
    options = [
        sys.argv[0],
        f"-max_total_time={given.seconds}",
        f"-max_len={target.longest}",
        f"-rss_limit_mb={given.megabytes}",
        f"-timeout={_HANG}",
        f"-artifact_prefix={FOLDER}/{given.target}-",
        *([f"-dict={words}"] if target.words else []),
        "-print_final_stats=1",
        "-verbosity=1",
    ]
    atheris.Setup([*options, str(given.input or corpus)], _timed(target))
    atheris.Fuzz()


def _timed(target: Target) -> atheris.Test:
    def one(data: bytes) -> None:
        started = time.process_time()
        target.one(data)
        spent = time.process_time() - started
        if spent > MOST_SECONDS:
            raise Slow(f"{spent:.1f} s for {len(data)} bytes")

    return one


def _arguments() -> argparse.Namespace:
    listed = "; ".join(f"{name}: {target.text}" for name, target in TARGETS.items())
    parser = argparse.ArgumentParser(prog="tools/fuzz/run", description="Fuzz one part of cardcore.", epilog=listed)
    parser.add_argument("target", choices=TARGETS, metavar="TARGET", help=f"one of {', '.join(TARGETS)}")
    parser.add_argument("--seconds", type=int, default=300, help="how long (default: %(default)s)")
    parser.add_argument("--megabytes", type=int, default=1024, help="the most memory (default: %(default)s)")
    parser.add_argument("input", nargs="?", type=Path, help="run this file once, nothing else")
    return parser.parse_args()


if __name__ == "__main__":
    main()
