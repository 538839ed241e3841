"""The version, in the one place that packaging and the User-Agent both read."""

__version__ = "0.1.0"
