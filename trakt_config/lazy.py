"""Names of a package that are imported only when they are asked for."""
from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Callable


def names(package: str, modules: Mapping[str, str]) -> Callable[[str], object]:
    """The ``__getattr__`` of a package (PEP 562).

    :param modules: which of its modules has each name.
    """
    def get(name: str) -> object:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(f"{package}.{modules[name]}"), name)
        setattr(sys.modules[package], name, value)
        return value

    return get
