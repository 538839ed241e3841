"""How long a look and an edit take: ``python tests/benchmarks/bench_edit.py``. Not a test.

Prints, for a config of each size, microseconds for a byte of one parse and of one proved edit, and
the seconds of a whole fresh run of the command in a process of its own.
"""
from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Callable

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from trakt_config import document  # noqa: E402
from trakt_config.tokens import Authorization  # noqa: E402

ROUNDS = 5


def config_of(libraries: int) -> bytes:
    library = ("  Movies %d:      # one of many\n    collection_files:\n    - default: trakt\n"
               "      template_variables: {sync_mode: sync, limit: 100}\n"
               "    operations:\n      mass_genre_update: tmdb\n")
    fresh = Authorization("a" * 64, "bearer", 604800, "r" * 64, "public", int(time.time()))
    values = "".join(f"    {key}: {value}\n" for key, value in fresh.values().items())
    return ("libraries:\n" + "".join(library % number for number in range(libraries))
            + f"trakt:\n  client_id: x\n  pin:\n  authorization:\n{values}").encode()


def seconds(work: Callable[[], object]) -> float:
    def once() -> float:
        start = time.perf_counter()
        work()
        return time.perf_counter() - start
    return min(once() for _ in range(ROUNDS))


def main() -> None:
    new = Authorization("b" * 64, "bearer", 604800, "s" * 64, "public", 1).values()
    for libraries in (10, 100, 300, 3000):
        data = config_of(libraries)
        parsed = document.parse(data)
        parse = seconds(lambda: document.parse(data))
        edit = seconds(lambda: document.set_authorization(parsed, new))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "config.yml"
            path.write_bytes(data)
            run = seconds(lambda: subprocess.run(
                [sys.executable, "-m", "trakt_config", "authorize", "-q", str(path)],
                cwd=ROOT, check=True))
        print(f"{len(data):8} bytes: parse {parse / len(data) * 1e6:.2f} us/byte, "
              f"edit {edit / len(data) * 1e6:.2f} us/byte, fresh run {run:.3f} s")


if __name__ == "__main__":
    main()
