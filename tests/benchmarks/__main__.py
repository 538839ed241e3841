"""Whole processes against what they are made of, and edits against other YAML tools.

Prints tables in reStructuredText, for ``docs/benchmarks.rst``.
"""
from __future__ import annotations

import argparse
import importlib
import io
import os
import platform
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Callable

import ruamel.yaml
import yaml as pyyaml

from tests.benchmarks import measure
from tests.benchmarks.configs import config
from trakt_config import document
from trakt_config.sandbox import Sandbox
from trakt_config.tokens import Authorization

ROOT = Path(__file__).parents[2]
WEEKS = 14 * 86400
LOAD = "import sys, ruamel.yaml; ruamel.yaml.YAML().load(open(sys.argv[1]))"
SAFE_LOAD = LOAD.replace("YAML()", "YAML(typ='safe', pure=True)")
SIZES = (5_000, 67_000, 500_000, 2_000_000)


class Processes:
    """Whole processes, in a folder and against a sandbox of their own."""

    def __init__(self, sandbox: Sandbox, folder: Path, rounds: int) -> None:
        self.sandbox, self.folder, self.rounds = sandbox, folder, rounds
        self.environ = {**os.environ, **sandbox.environ, "PYTHONPATH": str(ROOT)}
        # Compiled like an installed package, all of it, in the warm-up.
        self.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        self.environ["PYTHONPYCACHEPREFIX"] = str(folder / "compiled")

    def write(self, size: int, *, age: int = 0, name: str = "config.yml") -> str:
        path = self.folder / name
        path.write_bytes(config(size, self.sandbox, age=age))
        path.chmod(0o600)
        return str(path)

    def python(self, *arguments: str) -> measure.Cost:
        return measure.process([sys.executable, *arguments], self.environ)

    def authorize(self, path: str) -> measure.Cost:
        return self.python("-m", "trakt_config", "authorize", "-q", path)

    def rows(self) -> Iterator[Sequence[object]]:
        tiny, large = self.write(1_000), self.write(67_000, name="large.yml")
        yield self._row("fresh, 1 KB", "import ruamel.yaml",
                        lambda: self.authorize(tiny).cpu,
                        lambda: self.python("-c", "import ruamel.yaml").cpu)
        yield self._row("fresh, 67 KB", "YAML() loads it",
                        lambda: self.authorize(large).cpu,
                        lambda: self.python("-c", LOAD, large).cpu)
        yield self._row("fresh, 67 KB", "YAML(typ='safe') loads it",
                        lambda: self.authorize(large).cpu,
                        lambda: self.python("-c", SAFE_LOAD, large).cpu)
        for what in ("cpu", "memory"):
            yield self._row(f"refresh, 67 KB ({what})", "load, one request, dump",
                            lambda: self._refresh(what, "-m", "trakt_config", "authorize", "-q"),
                            lambda: self._refresh(what, "-m", "tests.benchmarks.naive"))

    def _refresh(self, what: str, *command: str) -> float:
        path = self.write(67_000, age=WEEKS, name="due.yml")
        return float(getattr(self.python(*command, path), what))

    def _row(self, ours: str, theirs: str, a: Callable[[], float],
             b: Callable[[], float]) -> Sequence[object]:
        first, second, ratio = measure.ratio(a, b, self.rounds)
        digits = ".3f" if first < 1000 else ".0f"
        return (ours, theirs, format(first, digits), format(second, digits), f"{ratio:.2f}")

    def crowd(self) -> float:
        """The processor's seconds of 32 processes at once on one config that is due."""
        from concurrent.futures import ThreadPoolExecutor
        path = self.write(67_000, age=WEEKS, name="crowd.yml")
        with ThreadPoolExecutor(32) as pool:
            return sum(pool.map(lambda _: self.authorize(path).cpu, range(32)))

    def many(self) -> float:
        """The processor's seconds of one command with 1,000 fresh configs."""
        paths = [self.write(1_000, name=f"{number}.yml") for number in range(1000)]
        return self.python("-m", "trakt_config", "authorize", "-q", *paths).cpu


def edits(sandbox: Sandbox, size: int, rounds: int) -> Sequence[object]:
    """Milliseconds for what each tool does to a config of that size, in one process."""
    data = config(size, sandbox)
    text = data.decode()
    new = Authorization("b" * 64, "bearer", 604800, "s" * 64, "public", 1).values()
    parsed = document.parse(data)
    works: list[Callable[[], object]] = [
        lambda: document.parse(data),
        lambda: document.set_authorization(parsed, new),
        lambda: sum(1 for _ in ruamel.yaml.YAML(typ="safe", pure=True).parse(text)),
        lambda: _round_trip(text, new),
        lambda: pyyaml.safe_dump(pyyaml.safe_load(text)),
    ]
    found = [f"{measure.seconds(work, rounds) * 1000:.1f}" for work in works]
    return (f"{len(data):,}", *found, _yaml_edit(text, new, rounds))


def _round_trip(text: str, new: dict[str, str]) -> None:
    yaml = ruamel.yaml.YAML()
    data = yaml.load(text)
    data["trakt"]["authorization"].update(new)
    yaml.dump(data, io.StringIO())


def _yaml_edit(text: str, new: dict[str, str], rounds: int) -> str:
    """The binding of a YAML editor written in Rust, where it is installed."""
    try:
        editor: Any = importlib.import_module("yaml_edit")
    except ImportError:
        return "not installed"

    def work() -> None:
        found = editor.Document.parse(text)
        for key, value in new.items():
            found.set_path(f"trakt.authorization.{key}", value)

    return f"{measure.seconds(work, rounds) * 1000:.1f}"


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A simple table of reStructuredText."""
    cells = [[str(cell) for cell in row] for row in [head, *rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    rule = "  ".join("=" * width for width in widths)
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
             for row in cells]
    return "\n".join([rule, lines[0], rule, *lines[1:], rule])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument("--rounds", type=int, default=15, help="how often each is measured")
    rounds = parser.parse_args().rounds
    print(f"Python {platform.python_version()}, ruamel.yaml {ruamel.yaml.__version__}, "
          f"{platform.system()} on {platform.machine()}, {os.cpu_count()} processors\n")
    with Sandbox() as sandbox, tempfile.TemporaryDirectory() as folder:
        processes = Processes(sandbox, Path(folder), rounds)
        print(table(("ours", "against", "s or KiB", "s or KiB", "ratio"),
                    list(processes.rows())), end="\n\n")
        print(table(("bytes", "parse", "edit", "events", "load+dump", "PyYAML", "yaml-edit"),
                    [edits(sandbox, size, 3 if size > 100_000 else rounds) for size in SIZES]),
              end="\n\n")
        print(f"32 runs at once on one config that is due, in all: {processes.crowd():.1f} s")
        print(f"1,000 fresh configs in one command: {processes.many():.1f} s")


if __name__ == "__main__":
    main()
