"""What the docs say in numbers and names is what the code has."""
from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

from trakt_config.authorization.run import Options
from trakt_config.document import checks, parser
from trakt_config.errors import LARGEST_CONFIG
from trakt_config.oauth import BUDGET, answers, requester
from trakt_config.sign_in import authorization_code

#: They are few, and cost nothing.
pytestmark = pytest.mark.sampled(1)

ROOT = Path(__file__).parents[2]
DOCS = sorted([*ROOT.glob("*.rst"), *ROOT.glob("docs/**/*.rst")])

MINUTE = timedelta(minutes=1)
WORDS = {2: "two", 3: "three", 10: "ten"}
MIN_VALIDITY = Options().min_validity // MINUTE

SENTENCES = [
    ("README.rst", f"not valid for another {MIN_VALIDITY} minutes has to be refreshed"),
    ("README.rst", f"has waited for {WORDS[Options().lock_timeout // MINUTE]} minutes"),
    ("README.rst", f"at most {BUDGET:.0f} seconds, so that the tokens are not lost"),
    ("README.rst", f"waits up to {answers.LONGEST_PAUSE:.0f} seconds by itself"),
    ("README.rst", "waits for the person, for up to "
                   f"{WORDS[int(authorization_code.TIME_LIMIT) // 60]} minutes"),
    ("docs/guarantees.rst", f"{MIN_VALIDITY} minutes as a rule"),
    ("docs/guarantees.rst", f"up to {WORDS[len(requester.BACKOFF) + 1]} tries, with pauses, within "
                            f"{BUDGET:.0f} seconds"),
    ("docs/guarantees.rst", f"try after {answers.PAUSE:.0f} seconds (or ``Retry-After``, up to "
                            f"{answers.LONGEST_PAUSE:.0f})"),
    ("docs/editing.rst", f"{LARGEST_CONFIG >> 20} MiB, {parser.MAX_LINES:,} lines, "
                         f"{parser.MAX_VALUES:,} keys and values"),
    ("docs/editing.rst", f"{checks.MAX_DEPTH} levels; {checks.MAX_KEYS:,} keys and "
                         f"{checks.MAX_TRAKT >> 10} KiB in ``trakt``"),
]


@pytest.mark.parametrize("doc, sentence", SENTENCES)
def test_numbers(doc: str, sentence: str) -> None:
    assert sentence in " ".join((ROOT / doc).read_text("utf-8").split())


def test_readme_has_each_environment_variable() -> None:
    """Those that the package looks up by name, but for what every program has."""
    sources = "".join(path.read_text("utf-8") for path in ROOT.glob("trakt_config/**/*.py"))
    names = {*re.findall(r"environ\.get\(\"(\w+)\"", sources),
             *re.findall(r"\"(TRAKT_CONFIG_\w+)\"", sources)} - {"HOME", "USERPROFILE"}
    table = (ROOT / "README.rst").read_text("utf-8").partition("\nEnvironment variables\n")[2]
    described = set(re.findall(r"``(\w+)``", table.partition("\nFrom Python\n")[0]))
    assert "TRAKT_CONFIG_STATE_DIR" in names and names - described == set()


@pytest.mark.parametrize("doc", DOCS, ids=[str(doc.relative_to(ROOT)) for doc in DOCS])
def test_lines_are_short(doc: Path) -> None:
    """But for a line of a crontab, which cannot be broken."""
    lines = enumerate(doc.read_text("utf-8").splitlines(), start=1)
    assert [number for number, line in lines
            if len(line) > 112 and not line.startswith("    0 3 * * * ")] == []
