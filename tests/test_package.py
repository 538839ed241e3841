"""The shape of the package: who may import whom, what is public, what a fresh run loads."""
from __future__ import annotations

import ast
import configparser
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Mapping

import pytest

import trakt_config
from trakt_config.sandbox import Sandbox

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "trakt_config"
MODULES = sorted(path.stem for path in PACKAGE.glob("*.py"))

#: From the top to the bottom. An import points downwards; within a row nobody knows the others.
LAYERS = (
    {"__main__"},
    {"cli"},
    {"cli_login", "cli_logout", "cli_sandbox", "cli_status", "cli_token"},
    {"demo"},
    {"auth", "interactive", "logout", "registration", "status"},
    {"code_sign_in", "device_sign_in", "planning"},
    {"authorizer", "sign_in"},
    {"renewal"},
    {"recovery"},
    {"spending"},
    {"job"},
    {"settings"},
    {"arguments", "loopback", "oauth", "preview", "report", "sandbox", "storage", "terminal",
     "uninterrupted"},
    {"account", "console", "device", "document", "journal", "sandbox_server"},
    {"answers", "files", "freshness", "sandbox_api", "sender"},
)
#: The crafts: bytes to bytes, Trakt over HTTP, files. The policy alone brings them together.
CRAFTS = {
    "document": {"document", "events", "outline", "reading", "scalars", "splices", "tokens",
                 "errors"},
    "oauth": {"oauth", "account", "answers", "causes", "device", "sender", "transport", "tokens",
              "errors", "version"},
    "storage": {"storage", "files", "journal", "locks", "replace", "errors", "tokens"},
    "loopback": {"loopback", "files", "transport", "causes", "errors", "tokens"},
}


def imports_of(module: str) -> set[str]:
    """The modules of the package that `module` imports, inside functions too."""
    found = set()
    for node in ast.walk(ast.parse((PACKAGE / f"{module}.py").read_bytes())):
        if isinstance(node, ast.ImportFrom) and node.module == "trakt_config":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("trakt_config."):
            found.add(str(node.module).split(".")[1])
    return found


def everything_below(module: str) -> set[str]:
    below: set[str] = set()
    left = [module]
    while left:
        for name in imports_of(left.pop()) & set(MODULES) - below:
            below.add(name)
            left.append(name)
    return below


@pytest.mark.parametrize("module", MODULES)
def test_no_import_points_up(module: str) -> None:
    assert module == "__init__" or module not in everything_below(module)


@pytest.mark.parametrize("row", range(len(LAYERS)))
def test_the_layers(row: int) -> None:
    above: set[str] = set().union(*LAYERS[:row + 1])
    for module in LAYERS[row]:
        assert not everything_below(module) & above, module


@pytest.mark.parametrize("module", CRAFTS)
def test_the_crafts_do_not_know_each_other(module: str) -> None:
    assert everything_below(module) | {module} <= CRAFTS[module]


def test_the_table_of_contents_is_sorted_and_true() -> None:
    assert trakt_config.__all__ == sorted(trakt_config.__all__)
    assert all(hasattr(trakt_config, name) for name in trakt_config.__all__)


def test_a_fresh_run_imports_nothing_of_http(sandbox: Sandbox, config: Any,
                                             environ: Mapping[str, str]) -> None:
    path = config(sandbox.issue_authorization(created_at=int(time.time())))
    code = ("import sys; from trakt_config.__main__ import main; "
            f"sys.argv[1:] = ['authorize', {str(path)!r}]; status = main(); "
            "print(*sys.modules); sys.exit(status)")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                          env={**environ, "PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.splitlines()[-1].split())
    unused = {"requests", "urllib3", "http.client", "socket", "ssl", "email", "threading.local",
              "trakt_config.oauth", "trakt_config.renewal", "trakt_config.sandbox",
              "trakt_config.planning", "trakt_config.demo", "asyncio", "tempfile"}
    assert not loaded & unused
    assert sandbox.ledger == []


def test_a_fresh_run_costs_one_parse_and_a_write_three(
        sandbox: Sandbox, config: Any, environ: Mapping[str, str],
        monkeypatch: pytest.MonkeyPatch) -> None:
    from ruamel.yaml import YAML

    from trakt_config import authorizer
    from trakt_config.job import Options
    passes = []
    parse = YAML.parse

    def counting(*arguments: Any) -> Any:
        passes.append(1)
        return parse(*arguments)

    monkeypatch.setattr(YAML, "parse", counting)
    for age, cost in ((0, 1), (14 * 86400, 3)):
        path = config(sandbox.issue_authorization(created_at=int(time.time()) - age))
        del passes[:]
        authorizer.run(path, Options(environ=environ))
        assert len(passes) == cost


def test_the_samples_are_the_same() -> None:
    assert (ROOT / "sample_config.yml").read_bytes() \
        == (PACKAGE / "sample_config.yml").read_bytes()


def test_nothing_of_this_machine_is_in_the_package() -> None:
    for path in [*PACKAGE.glob("*"), *ROOT.glob("*.rst"), *ROOT.glob("*.cfg")]:
        if path.is_file():
            text = path.read_text("utf-8")
            assert str(ROOT) not in text and os.path.expanduser("~root/") not in text


def test_the_version_stands_in_two_places_and_is_one() -> None:
    """An old setuptools would import the package to look it up, before its needs are there."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    assert setup["metadata"]["version"] == trakt_config.__version__
