"""``trakt-config exec``: what the command that it becomes has, and has not."""
from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Callable

import pytest
import ruamel.yaml

from tests.support import injection
from trakt_config.sandbox import Answer, Sandbox

ROOT = Path(__file__).parents[2]
FIVE = {"KOMETA_TRAKT_ACCESS_TOKEN": "access_token", "KOMETA_TRAKT_TOKEN_TYPE": "token_type",
        "KOMETA_TRAKT_EXPIRES_IN": "expires_in", "KOMETA_TRAKT_SCOPE": "scope",
        "KOMETA_TRAKT_CREATED_AT": "created_at"}
SHOW = "import json, os; print(json.dumps(dict(os.environ)))"
DAY = 86400

Exec = Callable[..., Any]


@pytest.fixture
def exec_(environ: Mapping[str, str], tmp_path: Path) -> Exec:
    """Run it; keywords for `subprocess.run` may be given."""
    def run(*arguments: str, **more: Any) -> Any:
        given = {"capture_output": True, "text": True, "timeout": 60, "cwd": tmp_path, **more}
        given["env"] = {**environ, "PYTHONPATH": str(ROOT), **more.get("env", {})}
        return subprocess.run([sys.executable, "-m", "trakt_config", "exec", *arguments], **given)
    return run


def issued(sandbox: Sandbox, age: int = 0) -> dict[str, Any]:
    return sandbox.issue_authorization(created_at=int(time.time()) - age)


def test_the_environment_of_the_command(sandbox: Sandbox, config: Any, exec_: Exec) -> None:
    """Five variables and what was asked for; nothing that can be spent; our own stdout is empty."""
    authorization = issued(sandbox)
    config(authorization)
    done = exec_("--env", "TRAKT_TOKEN=access_token", "config.yml", "--", sys.executable, "-c",
                 SHOW)
    assert (done.returncode, done.stderr) == (0, "")
    environ = json.loads(done.stdout)
    assert {name: environ[name] for name in FIVE} == {
        name: str(authorization[key]) for name, key in FIVE.items()}
    assert environ["TRAKT_TOKEN"] == authorization["access_token"]
    assert authorization["refresh_token"] not in done.stdout
    assert sandbox.client_secret not in done.stdout


def test_it_is_refreshed_first(sandbox: Sandbox, config: Any, exec_: Exec) -> None:
    config(issued(sandbox, 14 * DAY))
    done = exec_("config.yml", "--", sys.executable, "-c", SHOW)
    assert sandbox.honours_access(json.loads(done.stdout)["KOMETA_TRAKT_ACCESS_TOKEN"])


def test_arguments_input_and_streams_are_the_command_s(sandbox: Sandbox, config: Any,
                                                       exec_: Exec) -> None:
    """A second `--` too, and what looks like an option of ours."""
    config(issued(sandbox))
    done = exec_("config.yml", "--", "sh", "-c", 'printf "%s|" "$@"; cat; echo no >&2', "name",
                 "-v", "--", "--force", "", "a b", input="said")
    assert (done.stdout, done.stderr) == ("-v|--|--force||a b|said", "no\n")


@pytest.mark.parametrize("command, status", [
    (["sh", "-c", "exit 7"], 7), (["sh", "-c", "kill -TERM $$"], -signal.SIGTERM),
    (["no-such-program"], 127), (["/no/such/program"], 127), (["."], 126), (["./plain"], 126)])
def test_exit_statuses_are_a_shell_s(command: list[str], status: int, sandbox: Sandbox, config: Any,
                                     exec_: Exec, tmp_path: Path) -> None:
    config(issued(sandbox))
    (tmp_path / "plain").write_text("not executable")
    done = exec_("config.yml", "--", *command)
    assert done.returncode == status and "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == (1 if status in (126, 127) else 0)


def test_a_script_without_an_interpreter_goes_to_the_shell(sandbox: Sandbox, config: Any,
                                                           exec_: Exec, tmp_path: Path) -> None:
    """As execvp(3) has it."""
    config(issued(sandbox))
    (tmp_path / "script").write_text('echo "$1"\n')
    (tmp_path / "script").chmod(0o755)
    assert exec_("config.yml", "--", "./script", "it").stdout == "it\n"


def test_not_authorized(sandbox: Sandbox, config: Any, exec_: Exec) -> None:
    """The command is not started, unless that was asked for; then without an older run's token."""
    config()
    refused = exec_("config.yml", "--", "echo", "started")
    assert (refused.returncode, refused.stdout) == (3, "")
    done = exec_("--anyway", "config.yml", "--", sys.executable, "-c", SHOW,
                 env={"KOMETA_TRAKT_ACCESS_TOKEN": "older"})
    assert done.returncode == 0 and "warning: " in done.stderr
    assert not FIVE.keys() & json.loads(done.stdout).keys()


def test_what_cannot_be_reached_now(sandbox: Sandbox, config: Any, exec_: Exec) -> None:
    """A valid token is good enough; without one the exit status is that of `authorize`."""
    config(issued(sandbox, int(5.5 * DAY)))
    sandbox.answer(Answer(503), times=9)
    kept = exec_("config.yml", "--", "echo", "started")
    assert (kept.returncode, kept.stdout) == (0, "started\n") and "warning: " in kept.stderr
    config({}, pin="")
    assert exec_("config.yml", "--", "echo").returncode == 3


def test_signals_are_for_the_command_as_they_were_for_us(sandbox: Sandbox, config: Any,
                                                         exec_: Exec) -> None:
    """SIGPIPE ends it, and what nohup ignores stays ignored."""
    config(issued(sandbox))
    code = ("import signal; print(*[signal.getsignal(number) is signal.SIG_IGN for number in "
            "(signal.SIGHUP, signal.SIGTERM)])")
    status = "grep -E '^Sig(Ign|Blk)' /proc/self/status"

    def ignore_hangup() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    done = exec_("config.yml", "--", sys.executable, "-c", code, preexec_fn=ignore_hangup)
    assert done.stdout == "True False\n"
    if os.path.exists("/proc/self/status"):
        ignored = exec_("config.yml", "--", "sh", "-c", status).stdout.split()
        assert not int(ignored[3], 16) & 1 << (signal.SIGPIPE - 1) and int(ignored[1], 16) == 0


def test_it_is_the_same_process(sandbox: Sandbox, config: Any, environ: Mapping[str, str],
                                tmp_path: Path) -> None:
    config(issued(sandbox))
    process = subprocess.Popen(
        [sys.executable, "-m", "trakt_config", "exec", "config.yml", "--", "sh", "-c", "echo $$"],
        stdout=subprocess.PIPE, text=True, cwd=tmp_path, env={**environ, "PYTHONPATH": str(ROOT)})
    out, _ = process.communicate(timeout=60)
    assert int(out) == process.pid


def test_it_runs_as_pid_1(sandbox: Sandbox, config: Any, environ: Mapping[str, str],
                          tmp_path: Path) -> None:
    if not (shutil.which("unshare") and injection.allows(injection.private_mounts)):
        pytest.skip("this machine allows no private namespaces")
    config(issued(sandbox))
    done = subprocess.run(
        ["unshare", "--pid", "--fork", sys.executable, "-m", "trakt_config", "exec", "config.yml",
         "--", "sh", "-c", "echo $$; exit 5"], capture_output=True, text=True, cwd=tmp_path,
        env={**environ, "PYTHONPATH": str(ROOT)}, timeout=60)
    assert (done.stdout, done.returncode) == ("1\n", 5)


def test_no_command_is_wrong_usage(sandbox: Sandbox, config: Any, exec_: Exec) -> None:
    config(issued(sandbox))
    for arguments in (["config.yml"], ["config.yml", "--"]):
        done = exec_(*arguments)
        assert done.returncode == 2 and "exec needs a command" in done.stderr


#: How the media manager fills a config in: `<<name>>` from KOMETA_NAME.
JOB = """
import os, re, sys
from ruamel.yaml import YAML
text = open("config.yml").read()
for name, value in os.environ.items():
    if name.startswith("KOMETA_"):
        text = re.sub("<<" + name[7:] + ">>", value, text, flags=re.IGNORECASE)
print(YAML(typ="safe", pure=True).load(text)["trakt"]["authorization"]["access_token"])
"""


def test_a_config_with_placeholders_beside_a_holder(sandbox: Sandbox, config: Any, exec_: Exec,
                                                    tmp_path: Path) -> None:
    """Twice, across an expiry; the config that cannot be written stays as it is."""
    assert ruamel.yaml.__version__
    config(issued(sandbox), name="holder.yml")
    holder, hosts = tmp_path / "holder.yml", tmp_path / "config.yml"
    hosts.write_text("trakt:\n  client_id: <<trakt_client_id>>\n  authorization:\n"
                     "    access_token: <<trakt_access_token>>\n    refresh_token:\n")
    hosts.chmod(0o444)
    before = hosts.read_bytes()
    holder.write_text(holder.read_text().replace(sandbox.client_id, "<<trakt_client_id>>", 1))
    variables = {"KOMETA_TRAKT_CLIENT_ID": sandbox.client_id}
    tokens = []
    for _ in range(2):
        done = exec_("holder.yml", "--", sys.executable, "-c", JOB, env=variables)
        assert done.returncode == 0, done.stderr
        tokens.append(done.stdout.strip())
        assert sandbox.honours_access(tokens[-1])
        text = holder.read_text()
        start = text.index("created_at: ") + len("created_at: ")
        end = text.index("\n", start)
        holder.write_text(f"{text[:start]}{int(text[start:end]) - 14 * DAY}{text[end:]}")
    assert tokens[0] != tokens[1] and hosts.read_bytes() == before
    assert "<<trakt_client_id>>" in holder.read_text()
