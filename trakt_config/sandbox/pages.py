"""The sandbox's pages for a person with a browser. Everything that is shown is escaped."""
from __future__ import annotations

from collections.abc import Mapping
from html import escape

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
:root {{ --line: #8886; --accent: #9f1d2f; }}
body {{ font: 1.05em/1.55 system-ui, sans-serif; max-width: 34em; margin: 8vh auto 0;
  padding: 0 1.2em; }}
main {{ border: 1px solid var(--line); border-radius: .8em; padding: .4em 1.8em 1.4em; }}
h1 {{ font-size: 1.5em; }}
code {{ font-family: ui-monospace, monospace; overflow-wrap: anywhere; }}
.code {{ margin: .4em 0; font-size: 2em; letter-spacing: .12em; }}
label {{ display: block; margin-bottom: .3em; }}
input, button {{ font: inherit; padding: .45em 1.2em; border: 1px solid var(--line);
  border-radius: .5em; }}
input {{ width: 100%; box-sizing: border-box; margin-bottom: 1em; letter-spacing: .12em; }}
button {{ cursor: pointer; margin-right: .5em; background: transparent; color: inherit; }}
button[value=allow] {{ background: var(--accent); border-color: var(--accent); color: #fff; }}
.problem {{ border-left: .3em solid var(--accent); padding-left: .8em; }}
footer {{ margin: 1em 0; font-size: .85em; opacity: .75; }}
</style>
</head>
<body>
<main>
<h1>{title}</h1>
{content}
</main>
<footer>This is a sandbox on this machine, not Trakt: no account is involved.</footer>
</body>
</html>
"""

_BUTTONS = """<button name="decision" value="allow">Allow</button>
<button name="decision" value="deny">Deny</button>"""


def index(pin_address: str) -> str:
    """Leads to the other pages."""
    return page("A Trakt of our own", f"""\
<ul>
<li><a href="/activate">Enter the code that a device shows</a></li>
<li><a href="{escape(pin_address)}">Get a PIN</a></li>
</ul>""")


def consent(parameters: Mapping[str, str]) -> str:
    """Asks whether the app may act for the user; the form repeats the request's parameters."""
    hidden = "\n".join(f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
                       for name, value in parameters.items())
    return page("Authorize an app", f"""\
<p>This app asks for access to your account:<br>
<code>{escape(parameters.get("client_id", ""))}</code></p>
<p>The answer goes to:<br>
<code>{escape(parameters.get("redirect_uri", ""))}</code></p>
<form method="post" action="/oauth/authorize">
{hidden}
{_BUTTONS}
</form>""")


def pin(code: str) -> str:
    """Shows an authorization code that was asked for out of band."""
    return page("Your PIN", f"""\
<p>Enter this PIN in the app. It works once, and for ten minutes.</p>
<p class="code"><code>{escape(code)}</code></p>""")


def activate(user_code: str = "", problem: str = "") -> str:
    """Asks for the user code that a device shows; once more, where there was a `problem`."""
    shown = f'<p class="problem" role="alert">{escape(problem)}</p>' if problem else ""
    return page("Activate a device", f"""\
{shown}
<form method="post" action="/activate">
<label for="user_code">The code that the device shows:</label>
<input id="user_code" name="user_code" value="{escape(user_code)}" autocomplete="off"
 autocapitalize="characters" spellcheck="false" autofocus required>
{_BUTTONS}
</form>""")


def message(title: str, text: str) -> str:
    return page(title, f"<p>{escape(text)}</p>")


def page(title: str, content: str) -> str:
    """A whole page; `content` is HTML already, `title` is not."""
    return _PAGE.format(title=escape(title), content=content)
