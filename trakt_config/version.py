"""The version; setup.cfg has it once more, and a test holds the two equal."""

__version__ = "0.1.0"
