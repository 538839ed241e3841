"""The shape of the package: who may import whom, what is public, what a fresh run loads."""
from __future__ import annotations

import ast
import configparser
import importlib
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import trakt_config
from trakt_config.sandbox import Sandbox

#: Each module, in every run.
pytestmark = pytest.mark.sampled(1)

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "trakt_config"

#: From the top to the bottom. An import points down; packages of one row do not know each other.
FLOORS = (
    {"__main__"},
    {"cli"},
    {"__init__"},
    {"sign_in"},
    {"authorization"},
    {"document", "oauth", "sandbox", "storage"},
    {"errors", "startup", "tokens", "version"},
)
#: Below all: `errors` needs `tokens` for its annotations alone, and `tokens` is made of records.
FLOOR_OF = {name: floor for floor, names in enumerate(FLOORS) for name in names}
#: What is entered by its modules: `authorization`, so that a fresh run loads only what it needs.
WITHOUT_SURFACE = {"authorization", "cli"}


def modules() -> list[str]:
    """Every module of the package, dotted, without `trakt_config` in front."""
    return sorted(".".join(path.relative_to(PACKAGE).with_suffix("").parts)
                  for path in PACKAGE.rglob("*.py"))


def room(module: str) -> str:
    """The package that a module stands in, or the module itself at the top level."""
    return module.split(".")[0]


def imports_of(module: str) -> set[str]:
    """The modules of ours that `module` imports, inside of functions too."""
    tree = ast.parse((PACKAGE / (module.replace(".", "/") + ".py")).read_bytes())
    found = set()
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} has a relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        found |= {_module_of(name) for name in names if name.split(".")[0] == "trakt_config"}
    return found - {module}


def _module_of(dotted: str) -> str:
    """The module that provides a dotted name: the longest part of it that is a file."""
    parts = dotted.split(".")[1:]
    while parts:
        path = PACKAGE.joinpath(*parts)
        if path.with_suffix(".py").is_file():
            return ".".join(parts)
        if (path / "__init__.py").is_file():
            return ".".join([*parts, "__init__"])
        parts.pop()
    return "__init__"


def points_down(module: str, imported: str) -> bool:
    """Whether `module` may import `imported`. Those of the bottom floor may know each other."""
    above, below = FLOOR_OF[room(module)], FLOOR_OF.get(room(imported), len(FLOORS))
    return below > above or room(imported) == room(module) or below == above == len(FLOORS) - 1


@pytest.mark.parametrize("module", modules())
def test_imports_point_down(module: str) -> None:
    assert room(module) in FLOOR_OF, \
        f"{module} stands nowhere: put it into a package, and a new package into FLOORS"
    for imported in imports_of(module):
        assert points_down(module, imported), \
            f"{module} may not import {imported}: arrows point down"


@pytest.mark.parametrize("floor", range(1, len(FLOORS)))
def test_an_arrow_that_points_up_is_found(floor: int) -> None:
    """From each floor to each above it, and to whoever stands beside, but at the bottom."""
    for module in FLOORS[floor]:
        above = set().union(*FLOORS[:floor])
        beside = FLOORS[floor] - {module} if floor < len(FLOORS) - 1 else set()
        assert not [other for other in above | beside if points_down(module, other)]


@pytest.mark.parametrize("module", modules())
def test_packages_are_entered_by_their_surface(module: str) -> None:
    for imported in imports_of(module):
        inside = "." in imported and not imported.endswith(".__init__")
        is_open = room(imported) in (room(module), *WITHOUT_SURFACE)
        assert is_open or not inside, \
            f"{module} may not reach into {imported}: import from {room(imported)}"


def test_there_are_no_circles() -> None:
    """Within a package as well; its `__init__` counts only for those who stand outside."""
    graph = {module: {name for name in imports_of(module) if name != f"{room(module)}.__init__"}
             for module in modules()}
    done: set[str] = set()
    while len(done) < len(graph):
        free = {module for module in graph if module not in done and graph[module] <= done}
        assert free, f"a circle among {sorted(set(graph) - done)}"
        done |= free


@pytest.mark.parametrize("package", ["document", "oauth", "sandbox", "sign_in", "storage"])
def test_surfaces_are_true(package: str) -> None:
    surface = importlib.import_module(f"trakt_config.{package}")
    assert [name for name in surface.__all__ if not hasattr(surface, name)] == []


def test_the_top_level_has_six_modules_at_most() -> None:
    names = sorted(path.name for path in PACKAGE.glob("*.py"))
    assert len(names) <= 6, f"put the new one of {', '.join(names)} into a package"


def test_the_table_of_contents_is_sorted_and_true() -> None:
    assert trakt_config.__all__ == sorted(trakt_config.__all__)
    assert [name for name in trakt_config.__all__ if not hasattr(trakt_config, name)] == []


#: What a run on a fresh config loads of ours. One more costs every run of every job.
LOADED_BY_A_FRESH_RUN = {
    "__main__", "authorization", "authorization.authorize", "authorization.freshness",
    "authorization.run", "authorization.shield", "cli", "cli.arguments", "cli.authorize",
    "cli.boundary", "cli.main", "cli.output", "document", "document.checks", "document.composer",
    "document.digests", "document.document", "document.events", "document.keys",
    "document.layout", "document.lines", "document.marks", "document.misplaced", "document.nodes",
    "document.outside", "document.parser", "document.pins", "document.settings",
    "document.unused", "document.values", "errors", "startup", "storage", "storage.files",
    "storage.places", "tokens", "version",
}

#: What it does without of Python's: what these import would cost a third of the run again.
NOT_LOADED_BY_A_FRESH_RUN = {
    "_hashlib", "asyncio", "dataclasses", "difflib", "email", "hashlib", "http.client", "inspect",
    "json", "lzma", "requests", "shlex", "shutil", "socket", "ssl", "tempfile", "urllib.parse",
    "urllib3",
}


def test_a_fresh_run_imports_what_it_uses(sandbox: Sandbox, config: Any,
                                          environ: Mapping[str, str]) -> None:
    path = config(sandbox.issue_authorization(created_at=int(time.time())))
    code = ("import sys; from trakt_config.__main__ import main; "
            f"sys.argv[1:] = ['authorize', {str(path)!r}]; status = main(); "
            "print(*sys.modules); sys.exit(status)")
    # -S: what the site of this machine imports is not ours; PYTHONPATH has what is installed.
    paths = os.pathsep.join([str(ROOT), *sys.path])
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True,
                          env={**environ, "PYTHONPATH": paths})
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.splitlines()[-1].split())
    ours = {name.partition(".")[2] for name in loaded if name.startswith("trakt_config.")}
    assert ours == LOADED_BY_A_FRESH_RUN
    assert not loaded & NOT_LOADED_BY_A_FRESH_RUN
    assert sandbox.ledger == []


def test_a_run_costs_one_parse_of_the_file(
        sandbox: Sandbox, config: Any, environ: Mapping[str, str],
        monkeypatch: pytest.MonkeyPatch) -> None:
    """A fresh run and a refresh: a write is proved on the trakt entry alone."""
    from ruamel.yaml import YAML

    from trakt_config.authorization import authorize
    from trakt_config.authorization.run import Options
    passes = []
    parse = YAML.parse

    def counting(yaml: YAML, text: str) -> Any:
        passes.append("libraries:" in text)
        return parse(yaml, text)

    monkeypatch.setattr(YAML, "parse", counting)
    for age in (0, 14 * 86400):
        path = config(sandbox.issue_authorization(created_at=int(time.time()) - age))
        del passes[:]
        authorize.ensure_authorized(path, Options(environ=environ))
        assert passes.count(True) == 1


def test_the_samples_are_the_same() -> None:
    assert (ROOT / "sample_config.yml").read_bytes() \
        == (PACKAGE / "sample_config.yml").read_bytes()


def test_nothing_of_this_machine_is_in_the_package() -> None:
    for path in [*PACKAGE.glob("*"), *ROOT.glob("*.rst"), *ROOT.glob("*.cfg")]:
        if path.is_file():
            text = path.read_text("utf-8")
            assert str(ROOT) not in text and os.path.expanduser("~root/") not in text


def test_the_docs_have_a_row_for_each_result_of_recovery() -> None:
    from trakt_config.authorization.recovery import RecoveryResult
    lines = (ROOT / "docs" / "architecture.rst").read_text("utf-8").splitlines()
    assert [line.split("``")[1] for line in lines
            if line.startswith("``") and line.split("``")[1] in RecoveryResult.__members__] \
        == list(RecoveryResult.__members__)


def test_the_version_stands_in_two_places_and_is_one() -> None:
    """An old setuptools would import the package to look it up, before its needs are there."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    assert setup["metadata"]["version"] == trakt_config.__version__


def test_what_is_imported_late_is_listed_and_there() -> None:
    """In a process that has asked for none of it yet; modules are what mypy takes them for."""
    code = ("import trakt_config; trakt_config.sandbox.Sandbox; "
            "print([name for each in (trakt_config, trakt_config.document)"
            " for name in each.__all__ if name not in dir(each) or not hasattr(each, name)])")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True,
                          timeout=60)
    assert done.stdout == "[]\n", done.stderr
