"""A Trakt on this machine, for the demo, for tests, and for people who build on this package."""
from trakt_config.sandbox.sandbox import CLIENT_ID, CLIENT_SECRET, Request, Sandbox
from trakt_config.sandbox.server import Answer, Hold

__all__ = ["Answer", "CLIENT_ID", "CLIENT_SECRET", "Hold", "Request", "Sandbox"]
