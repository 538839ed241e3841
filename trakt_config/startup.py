"""What keeps the start of a run cheap: records, and names that are imported on demand.

``dataclasses`` imports inspect, ast and tokenize, and compiles source for every class: a sixth of
what a run on a fresh config costs, which is made before every job. What such a run loads is made of
records; everything else may be a dataclass.
"""
from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Callable, TypeVar

if TYPE_CHECKING:
    from typing_extensions import dataclass_transform
else:
    def dataclass_transform(**settings: Any) -> Any:
        return lambda found: found

R = TypeVar("R", bound="Record")


_REQUIRED = object()


class _Hidden:
    def __init__(self, default: Any) -> None:
        self.default = default


def hidden(*, default: Any = _REQUIRED) -> Any:
    """A field that the repr does not show."""
    return _Hidden(default)


@dataclass_transform(frozen_default=True, field_specifiers=(hidden,))
class Record:
    """The annotated names of a subclass are its fields, as those of a frozen dataclass are: given
    by place or by name, with the defaults of the class, compared and shown one by one.
    """

    _names: tuple[str, ...] = ()
    _defaults: Mapping[str, Any] = {}
    _hidden: frozenset[str] = frozenset()

    def __init_subclass__(cls) -> None:
        # A class without fields of its own shows those of its base (before Python 3.10).
        own = [name for name in cls.__annotations__
               if name not in cls._names and name not in Record.__annotations__]
        defaults, not_shown = dict(cls._defaults), set(cls._hidden)
        for name in own:
            said = vars(cls).get(name, _REQUIRED)
            if isinstance(said, _Hidden):
                delattr(cls, name)
                not_shown.add(name)
                said = said.default
            if said is not _REQUIRED:
                defaults[name] = said
        cls._names += tuple(own)
        cls._defaults, cls._hidden = defaults, frozenset(not_shown)

    def __init__(self, *values: Any, **named: Any) -> None:
        given = dict(zip(self._names, values))
        if len(values) > len(self._names) or given.keys() & named.keys():
            raise TypeError(f"{type(self).__name__} is given a field twice, or too many")
        fields = {**self._defaults, **given, **named}
        for wrong, names in (("has no field", fields.keys() - set(self._names)),
                             ("lacks", set(self._names) - fields.keys())):
            if names:
                raise TypeError(f"{type(self).__name__} {wrong} {', '.join(sorted(names))}")
        vars(self).update(fields)
        self.__post_init__()

    def __post_init__(self) -> None:
        """For checks of the fields."""

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen: {name} cannot be assigned")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is a record: {name} cannot be deleted")

    def __eq__(self, other: object) -> bool:
        return (isinstance(other, Record) and type(other) is type(self)
                and fields_of(self) == fields_of(other))

    def __hash__(self) -> int:
        return hash(tuple(fields_of(self).values()))

    def __repr__(self) -> str:
        shown = [f"{name}={value!r}" for name, value in fields_of(self).items()
                 if name not in self._hidden]
        return f"{type(self).__qualname__}({', '.join(shown)})"

    def __replace__(self: R, **changes: Any) -> R:
        """For ``copy.replace``."""
        return replace(self, **changes)


class LazyModule:
    """A module that is imported when something of it is asked for.

    It stands in the place of one that only annotations name, so that ``typing.get_type_hints`` and
    ``inspect.signature(..., eval_str=True)`` can read them.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return getattr(import_module(self._name), name)


def fields_of(record: Record) -> dict[str, Any]:
    """The fields by name, in order."""
    return {name: getattr(record, name) for name in record._names}


def replace(record: R, **changes: Any) -> R:
    """The same with other values in some fields."""
    return type(record)(**{**fields_of(record), **changes})


def lazy(package: str, modules: Mapping[str, str]) -> tuple[
        Callable[[str], object], Callable[[], list[str]]]:
    """The ``__getattr__`` and the ``__dir__`` of a package (PEP 562).

    :param modules: which of its modules has each name, or is it: of the same name.
    """
    def get(name: str) -> object:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = import_module(f"{package}.{modules[name]}")
        value = module if modules[name] == name else getattr(module, name)
        setattr(sys.modules[package], name, value)
        return value

    return get, lambda: sorted({*vars(sys.modules[package]), *modules})
