"""One pass over the events of a config: its layout, or the reason why it is refused."""
from __future__ import annotations

from trakt_config.document.composer import Composer
from trakt_config.document.events import HOST_LOADER, QUICK_LOADER, Unreadable, events, refuse
from trakt_config.document.layout import Layout
from trakt_config.errors import ConfigError

#: More keys and values than any config has: one for each byte can be made up, to waste time. Each
#: is an event of the parser, but a list or a mapping two: its beginning and its end.
MAX_VALUES = 200_000
#: The other events: the beginning and the end of the stream and of its document.
_AROUND = 4
#: Empty lines and comments are no events, and take time as well: many of them in a row, more than
#: in proportion.
MAX_LINES = 100_000

_LINE_BREAKS = "\n\r\x85\u2028\u2029"


def read_layout(text: str, loader: str | None = None) -> Layout:
    """The layout of `text`.

    :param loader: the one to read with; None takes the first that can.
    :raises ConfigError: with line and column; see :func:`trakt_config.document.parse`.
    """
    if sum(map(text.count, _LINE_BREAKS)) - text.count("\r\n") > MAX_LINES:
        raise ConfigError(f"the file has more than {MAX_LINES} lines",
                          hint="Is this the right file?")
    refused: ConfigError | None = None
    # The second is Kometa's: it takes a few things that the first does not, `{a: :x}`, some tabs.
    for name in (QUICK_LOADER, HOST_LOADER) if loader is None else (loader,):
        try:
            return _read(text, name)
        except Unreadable as unreadable:
            refused = refused or unreadable.error
    assert refused is not None
    raise refused


def _read(text: str, loader: str) -> Layout:
    composer = Composer(text, loader)
    for count, event in enumerate(events(text, loader), start=1):
        if count > MAX_VALUES + _AROUND:
            refuse(f"the file has more than {MAX_VALUES} keys and values, counting each list or "
                   "mapping twice", "Is this the right file?", event)
        composer.take(event)
    return composer.layout()
