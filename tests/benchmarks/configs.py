"""Configs of a given size, signed in or due."""
from __future__ import annotations

import time

from trakt_config.sandbox import Sandbox

LIBRARY = """\
  Movies {number}:      # one of many
    collection_files:
    - default: trakt
      template_variables: {{sync_mode: sync, limit: 100}}
    operations:
      mass_genre_update: tmdb
"""


def config(size: int, sandbox: Sandbox, *, age: int = 0) -> bytes:
    """A config of about `size` bytes whose authorization was issued `age` seconds ago."""
    authorization = sandbox.issue_authorization(created_at=int(time.time()) - age)
    values = "".join(f"    {key}: {value}\n" for key, value in authorization.items())
    block = (f"trakt:\n  client_id: {sandbox.client_id}\n  client_secret: {sandbox.client_secret}\n"
             f"  pin:\n  force_refresh: false\n  authorization:\n{values}mal:\n  client_id:\n")
    libraries, number = ["libraries:\n"], 0
    length = len(block)
    while length < size:
        libraries.append(LIBRARY.format(number=number))
        length += len(libraries[-1])
        number += 1
    return ("".join(libraries[:]) if number else "").encode() + block.encode()
