"""A Trakt on this machine, for the demo, for tests, and for people who build on this package.

What a :class:`Sandbox` serves:

    POST /oauth/token           a code or a refresh token for a new pair
    POST /oauth/revoke          ends a token
    POST /oauth/device/code     a device code and a user code
    POST /oauth/device/token    the poll with a device code
    GET  /users/settings        the account, with limits and permissions
    GET  /sync/watchlist        two films
    GET  /                      a page for people, with links to the next two
    GET, POST /oauth/authorize  the page that gives a PIN, or redirects with a code
    GET, POST /activate         the page where a user code is entered

All else is 404, until a test says what to answer there, once or so many times:

    sandbox.answer(Answer(200, b"[]", {"Content-Type": "application/json"}), path="/sync/history")

Such an answer checks nothing; ``sandbox.ledger`` has the request.
"""
from trakt_config.sandbox.sandbox import CLIENT_ID, CLIENT_SECRET, Request, Sandbox
from trakt_config.sandbox.server import Answer, Hold

__all__ = ["Answer", "CLIENT_ID", "CLIENT_SECRET", "Hold", "Request", "Sandbox"]
