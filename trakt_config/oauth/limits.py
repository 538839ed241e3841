"""How long Trakt is waited for, in seconds. Looked up when needed, so that tests can set them."""
from __future__ import annotations

#: For all tries and waits of an exchange together.
BUDGET = 90.0

#: For one request, so that a lost answer leaves time for a second try.
REQUEST_TIMEOUT = 40.0

#: For each address of a host.
CONNECT_TIMEOUT = 5.0
