"""Imports all of the package, so that a forked child which becomes another user need not.

The checkout and the interpreter may stand in folders that only root can enter.
"""
from __future__ import annotations

import difflib  # noqa: F401
import pkgutil
import shlex  # noqa: F401
from importlib import import_module

import requests.adapters  # noqa: F401

import trakt_config

for module in pkgutil.walk_packages(trakt_config.__path__, "trakt_config."):
    if not module.name.endswith("__main__"):
        import_module(module.name)
