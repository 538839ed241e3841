"""The masked diff."""
from __future__ import annotations

import pytest

from trakt_config.document.diff import masked_diff
from trakt_config.document.document import parse
from trakt_config.document.edit import set_authorization

VALUES = {"access_token": "NEW-ACCESS", "token_type": "bearer", "expires_in": "604800",
          "refresh_token": "NEW-REFRESH", "scope": "public", "created_at": "1790000000"}

BEFORE = b"""\
plex:
  token: PLEX-SECRET
trakt:
  client_id: CLIENT-ID   # COMMENT-SECRET
  pin: PIN-SECRET     # c
  # access_token: COMMENTED-OUT
  authorization: &ANCHOR
    access_token: |
      OLD-ACCESS
      SECOND-LINE
    token_type:
    extra: [LIST-SECRET,
      TAIL-SECRET]
mal:
  client_id: MAL-ID
"""


def test_diff_is_masked_and_stays_inside_trakt() -> None:
    """Values are masked at one width, comments lose their text, nothing else is shown."""
    before = parse(BEFORE)
    after = set_authorization(before, VALUES, clear_pin=True)
    assert masked_diff(before, after) == """\
@@ -3,11 +3,13 @@
 trakt:
   client_id: ********   # ...
-  pin: ********     # ...
+  pin:     # ...
   # ...
   authorization:
-    access_token: ********
-      ********
-      ********
-    token_type:
+    access_token: ******** (new)
+    token_type: bearer
     extra: ********
       ********
+    expires_in: 604800
+    refresh_token: ******** (new)
+    scope: public
+    created_at: 1790000000
"""


def test_equal_documents_have_no_diff() -> None:
    """Nothing to show is nothing shown."""
    assert masked_diff(parse(BEFORE), parse(BEFORE)) == ""


def test_new_values_of_the_same_shape_are_still_a_change() -> None:
    """Real lines are compared, masked lines are shown."""
    before = parse(b"trakt:\n  authorization:\n    access_token: ONE\n    scope: public\n")
    after = set_authorization(before, {"access_token": "TWO"})
    assert masked_diff(before, after) == ("@@ -1,4 +1,4 @@\n trakt:\n   authorization:\n"
                                          "-    access_token: ********\n"
                                          "+    access_token: ******** (new)\n"
                                          "     scope: public\n")


def test_one_line_json_shows_only_the_trakt_entry() -> None:
    """The rest of the line is not part of the block."""
    before = parse(b'{"plex": "PLEX-SECRET", "trakt": {"pin": "PIN-SECRET", "authorization": {}},'
                   b' "z": "Z-SECRET"}')
    after = set_authorization(before, {"scope": "public"}, clear_pin=True)
    assert masked_diff(before, after) == (
        '@@ -1,1 +1,1 @@\n-"trakt": {"pin": ********, "authorization": {}}\n'
        '+"trakt": {"pin": null, "authorization": {"scope": "public"}}\n')


def test_a_value_stuck_to_its_key_is_masked() -> None:
    """`{pin:1234}` has one key and no value."""
    before = parse(b"trakt: {pin:SECRET, 'a b SECRET': 1, authorization: {scope: old}}")
    assert "SECRET" not in masked_diff(before, set_authorization(before, {"scope": "public"}))


def test_line_endings_and_context_far_from_the_change() -> None:
    """CRLF lines are lines, and only three of them surround a change."""
    extra = b"".join(b"  k%d: SECRET\r\n" % number for number in range(9))
    before = parse(b"a: 1\r\ntrakt:\r\n" + extra + b"  authorization:\r\n    scope: old\r\n")
    shown = masked_diff(before, set_authorization(before, {"scope": "public"}))
    assert shown.split("\n") == ["@@ -10,4 +10,4 @@", "   k7: ********", "   k8: ********",
                                 "   authorization:", "-    scope: old",
                                 "+    scope: public", ""]


def test_no_trakt_block_has_an_empty_side() -> None:
    """A block that is new is shown whole."""
    shown = masked_diff(parse(b"a: SECRET\n"), parse(b"a: SECRET\n\ntrakt:\n  client_id: ID\n"))
    assert shown == "@@ -1,0 +3,2 @@\n+trakt:\n+  client_id: ******** (new)\n"


def test_values_that_are_not_known_yet_are_not_shown() -> None:
    """A dry run knows what was there, and that there will be something new."""
    before = parse(b"trakt:\n  authorization:\n    scope: public\n    expires_in: 604800\n")
    after = set_authorization(before, {"scope": "public", "expires_in": "1"})
    assert masked_diff(before, after, values_known=False).splitlines()[3:] == [
        "     scope: public", "-    expires_in: 604800", "+    expires_in: (new)"]


@pytest.mark.parametrize("key, value", [
    ("scope", "A1B2C3D4"), ("token_type", "x" * 13), ("expires_in", "12ab"), ("scope", "[a, b]"),
    ("created_at", "1" * 13), ("created_at", "|\n      SECRET"), ("token_type", "!t SECRET")])
def test_a_secret_below_a_harmless_key_is_masked(key: str, value: str) -> None:
    """Somebody may have pasted it there."""
    before = parse(f"trakt:\n  authorization:\n    {key}: {value}\n    x: 1\n".encode())
    after = set_authorization(before, {"access_token": "NEW"})
    for word in value.split():
        assert word in "|" or word not in masked_diff(before, after)
