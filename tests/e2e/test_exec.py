"""``trakt-config exec``: what the command that it becomes has, and has not."""
from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Callable

import pytest
import yaml

from tests.support import children
from tests.support.ages import WORTH_REFRESHING, issued
from trakt_config import document
from trakt_config.sandbox import Answer, Hold, Sandbox

ROOT = Path(__file__).parents[2]
RECIPES = ROOT / "docs" / "recipes"
FIVE = {"KOMETA_TRAKT_ACCESS_TOKEN": "access_token", "KOMETA_TRAKT_TOKEN_TYPE": "token_type",
        "KOMETA_TRAKT_EXPIRES_IN": "expires_in", "KOMETA_TRAKT_SCOPE": "scope",
        "KOMETA_TRAKT_CREATED_AT": "created_at"}
SHOW = "import json, os; print(json.dumps(dict(os.environ)))"
WEEK = 604800

Exec = Callable[..., Any]


@pytest.fixture
def exec_(environ: Mapping[str, str], tmp_path: Path) -> Exec:
    """Run it, `through` another program where that is given; and keywords for `subprocess.run`."""
    def run(*arguments: str, through: Sequence[str] = (), **more: Any) -> Any:
        given = {"capture_output": True, "text": True, "timeout": 60, "cwd": tmp_path, **more}
        given["env"] = {**environ, "PYTHONPATH": str(ROOT), **more.get("env", {})}
        if "stderr" in more:
            given.update(capture_output=False, stdout=subprocess.PIPE)
        return subprocess.run(
            [*through, sys.executable, "-m", "trakt_config", "exec", *arguments], **given)
    return run


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


#: What the media manager would take for a token of ours, or spend.
OLDER = dict.fromkeys([
    "KOMETA_TRAKT_ACCESS_TOKEN", "kometa_trakt_scope", "KOMETA_TRAKT-CREATED-AT",
    "PMM_TRAKT_ACCESS_TOKEN", "KOMETA_TRAKT_REFRESH_TOKEN", "Pmm_Trakt_Pin", "TRAKT_TOKEN"],
    "older")
THEIRS = {"KOMETA_TRAKT_CLIENT_SECRET": "theirs", "KOMETA_PLEX_TOKEN": "theirs", "TRAKT": "theirs"}


@pytest.mark.parametrize("is_authorized", [True, False])
def test_an_older_run_s_variables_are_taken_out(is_authorized: bool, sandbox: Sandbox, config: Any,
                                                exec_: Exec) -> None:
    """Whether or not there are new ones; everything else is passed on."""
    config(issued(sandbox) if is_authorized else {})
    done = exec_("--anyway", "--env", "TRAKT_TOKEN=access_token", "config.yml", "--",
                 sys.executable, "-c", SHOW, env={**OLDER, **THEIRS})
    environ = json.loads(done.stdout)
    assert "older" not in environ.values() and THEIRS.items() <= environ.items()
    assert ("KOMETA_TRAKT_ACCESS_TOKEN" in environ) == is_authorized


@pytest.mark.skipif(not os.path.exists("/proc/self/environ"), reason="needs /proc")
@pytest.mark.parametrize("given", [[], ["LC_CTYPE=C"], ["LC_CTYPE=C.UTF-8"]])
def test_what_python_sets_for_itself_is_not_passed_on(given: list[str], sandbox: Sandbox,
                                                      config: Any, exec_: Exec) -> None:
    """In the C locale that is LC_CTYPE."""
    config(issued(sandbox))
    done = exec_("config.yml", "--", "env",
                 through=["env", "-u", "LC_ALL", "-u", "LC_CTYPE", "LANG=C", *given])
    assert [line for line in done.stdout.splitlines() if line.startswith("LC_CTYPE")] == given


@pytest.mark.parametrize("options, words", [
    (["--env", "TRAKT-TOKEN=scope"], "NAME is a word"), (["--env", "=scope"], "NAME is a word"),
    (["--env", "A"], "write it as NAME=KEY"), (["--env", "A=refresh_token"], "KEY is one of"),
    (["--env", "A=client_secret"], "KEY is one of"), (["--env", "A=pin"], "KEY is one of"),
    (["--env", "A=scope", "--env", "A=access_token"], "A cannot be both scope and access_token"),
    (["--env", "KOMETA_TRAKT_SCOPE=access_token"], "KOMETA_TRAKT_SCOPE cannot be both"),
])
def test_variables_that_cannot_be(options: list[str], words: str, sandbox: Sandbox, config: Any,
                                  exec_: Exec) -> None:
    """Nothing is authorized, and nothing is started, not even with --anyway."""
    config(issued(sandbox, 2 * WEEK))
    done = exec_("--anyway", *options, "config.yml", "--", "echo", "started")
    assert (done.returncode, done.stdout) == (2, "") and words in done.stderr
    assert sandbox.ledger == []


def test_it_is_refreshed_first(sandbox: Sandbox, config: Any, exec_: Exec) -> None:
    config(issued(sandbox, 2 * WEEK))
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
    (["no-such-program"], 127), (["/no/such/program"], 127), ([""], 127), (["./bad"], 127),
    (["./plain/program"], 127), (["."], 126), (["./plain"], 126), (["plain"], 126)])
def test_exit_statuses_are_a_shell_s(command: list[str], status: int, sandbox: Sandbox, config: Any,
                                     exec_: Exec, tmp_path: Path) -> None:
    config(issued(sandbox))
    (tmp_path / "plain").write_text("not executable")
    (tmp_path / "bad").write_text("#!/no/such/interpreter\n")
    (tmp_path / "bad").chmod(0o755)
    done = exec_("config.yml", "--", *command, env={"PATH": f"{os.environ['PATH']}:{tmp_path}"})
    assert done.returncode == status and "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == (1 if status in (126, 127) else 0)


def test_a_script_without_an_interpreter_goes_to_the_shell(sandbox: Sandbox, config: Any,
                                                           exec_: Exec, tmp_path: Path) -> None:
    """As execvp(3) has it: the first of that name, and not a later one that has one."""
    config(issued(sandbox))
    for folder, text in (("first", 'echo "$1"\n'), ("second", "#!/bin/sh\necho second\n")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "script").write_text(text)
        (tmp_path / folder / "script").chmod(0o755)
    path = {"PATH": f"{tmp_path}/first:{tmp_path}/second:{os.environ['PATH']}"}
    for name in ("script", "first/script"):
        assert exec_("config.yml", "--", name, "it", env=path).stdout == "it\n"


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
    config(issued(sandbox, WORTH_REFRESHING * WEEK))
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


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")
def test_the_command_has_the_descriptors_that_we_were_given(sandbox: Sandbox, config: Any,
                                                            exec_: Exec) -> None:
    """None of a lock, a journal or a connection; the one beside them is that of the listing."""
    config(issued(sandbox, 2 * WEEK))
    code = "import os; print(*sorted(map(int, os.listdir('/proc/self/fd'))))"
    reading, writing = os.pipe()
    try:
        done = exec_("config.yml", "--", sys.executable, "-c", code, pass_fds=[writing])
    finally:
        os.close(reading)
        os.close(writing)
    numbers = [int(number) for number in done.stdout.split()]
    assert writing in numbers and {0, 1, 2} <= set(numbers) and len(numbers) == 5


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_streams_that_we_could_not_use_are_the_command_s(sandbox: Sandbox, config: Any,
                                                         exec_: Exec) -> None:
    """A disk that is full for a warning of ours may not be for the command; closed is closed."""
    config(issued(sandbox), more="  force_refresh: perhaps\n")
    tried = "{ echo said >&2; } 2>&2 || echo failed; test -e /dev/fd/0 || echo closed"
    with open("/dev/full", "w") as full:
        done = exec_("config.yml", "--", "sh", "-c", tried, stderr=full)
    assert done.stdout == "failed\n"
    done = exec_("config.yml", "--", "sh", "-c", tried, through=["sh", "-c", 'exec "$@" <&-', "-"])
    assert done.stdout == "closed\n"


def test_a_terminal_is_the_command_s(sandbox: Sandbox, config: Any, environ: Mapping[str, str],
                                     tmp_path: Path) -> None:
    pty = pytest.importorskip("pty")
    config(issued(sandbox))
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "trakt_config", "exec", "config.yml", "--", "sh", "-c",
         "test -t 0 && test -t 1 && test -t 2 && read word && echo heard $word"],
        stdin=theirs, stdout=theirs, stderr=theirs, cwd=tmp_path,
        env={**environ, "PYTHONPATH": str(ROOT)})
    os.close(theirs)
    os.write(ours, b"word\n")
    said = b""
    while b"heard word" not in said:  # A terminal may hand out its lines one after the other.
        assert select.select([ours], [], [], 60)[0], said
        said += os.read(ours, 4096)
    assert process.wait(timeout=60) == 0
    os.close(ours)


def test_a_signal_during_the_request_waits_for_the_answer_and_starts_nothing(
        sandbox: Sandbox, config: Any, environ: Mapping[str, str], tmp_path: Path) -> None:
    config(issued(sandbox, 2 * WEEK))
    held = Hold()
    sandbox.answer(Answer(process=True, hold=held))
    process = subprocess.Popen(
        [sys.executable, "-m", "trakt_config", "exec", "--anyway", "config.yml", "--", "echo",
         "started"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
        env={**environ, "PYTHONPATH": str(ROOT)})
    held.wait()
    assert process.stderr is not None
    told: list[Any] = []
    while not told:  # CPython notices a signal late that comes just before a thread waits.
        process.send_signal(signal.SIGTERM)
        told = select.select([process.stderr], [], [], 1)[0]
    assert "waiting for Trakt's answer" in process.stderr.readline()
    held.release()
    out, _ = process.communicate(timeout=60)
    assert (process.returncode, out) == (143, "")
    text = (tmp_path / "config.yml").read_text()
    assert sandbox.honours_refresh(text.partition("refresh_token: ")[2].split()[0])


def test_a_signal_afterwards_is_the_command_s(sandbox: Sandbox, config: Any,
                                              environ: Mapping[str, str], tmp_path: Path) -> None:
    config(issued(sandbox))
    process = subprocess.Popen(
        [sys.executable, "-m", "trakt_config", "exec", "config.yml", "--", "sh", "-c",
         "trap 'exit 9' TERM; echo ready; while :; do sleep 0.01; done"], stdout=subprocess.PIPE,
        text=True, cwd=tmp_path, env={**environ, "PYTHONPATH": str(ROOT)})
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 9


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
    if not (shutil.which("unshare") and children.can_mount()):
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


def test_quotes_around_the_whole_command_are_named(sandbox: Sandbox, exec_: Exec,
                                                   config: Any) -> None:
    """The shell passes one word then."""
    done = exec_(config(sandbox.issue_authorization()), "--", "python kometa.py")
    assert done.returncode == 127 and "without quotes around them all" in done.stderr


#: How the media manager fills a config in: KOMETA_SOME_NAME is for <<some-name>> and <<SOME_NAME>>
#: (and not for <<some_name>>), and what is left over is nothing.
JOB = """
import json, os
from ruamel.yaml import YAML

values = {}
for variable, value in os.environ.items():
    prefix, _, name = variable.upper().partition("_")
    if prefix in ("KOMETA", "PMM") and value.strip():
        values[f"<<{name.lower().replace('_', '-')}>>"] = values[f"<<{name}>>"] = value

def filled(found):
    if isinstance(found, dict):
        return {key: filled(value) for key, value in found.items()}
    if isinstance(found, list):
        return [filled(value) for value in found]
    for placeholder, value in values.items():
        if placeholder in str(found):
            return str(found).replace(placeholder, value)
    return None if str(found).startswith("<<") and str(found).endswith(">>") else found

with open("config.yml") as stream:
    print(json.dumps(filled(YAML(typ="safe", pure=True).load(stream))["trakt"]))
"""


def test_the_recipe_for_a_config_that_cannot_be_written(sandbox: Sandbox, exec_: Exec,
                                                        tmp_path: Path) -> None:
    """Twice, across an expiry: the holder and the ConfigMap as they stand in the recipes, and the
    media manager's own rule for placeholders.
    """
    hosts, holder = tmp_path / "config.yml", tmp_path / "trakt.yml"
    manifest = (RECIPES / "kubernetes" / "kometa.yml").read_text("utf-8")
    [text] = [found["data"]["config.yml"] for found in yaml.safe_load_all(manifest)
              if found["kind"] == "ConfigMap" and "config.yml" in found["data"]]
    hosts.write_text(text)
    hosts.chmod(0o444)
    with_tokens(RECIPES / "trakt.yml", holder, issued(sandbox))
    variables = {"KOMETA_TRAKT_CLIENT_ID": sandbox.client_id,
                 "KOMETA_TRAKT_CLIENT_SECRET": sandbox.client_secret}
    tokens = []
    for _ in range(2):
        done = exec_("trakt.yml", "--", sys.executable, "-c", JOB, env=variables)
        assert done.returncode == 0, done.stderr
        trakt = json.loads(done.stdout)
        authorization = trakt.pop("authorization")
        tokens.append(authorization["access_token"])
        assert sandbox.honours_access(tokens[-1]) and trakt.pop("force_refresh") is False
        assert trakt == {"client_id": sandbox.client_id, "client_secret": sandbox.client_secret,
                         "pin": None}
        assert authorization.pop("refresh_token") is None
        ours = {key: value.text for key, value in document.parse(
            holder.read_bytes()).authorization.items()}
        assert authorization.items() <= ours.items() and len(authorization) == 5
        with_tokens(holder, holder, {**ours, "created_at": int(ours["created_at"]) - 2 * WEEK})
    assert tokens[0] != tokens[1] and hosts.read_text() == text
    assert "<<trakt-client-id>>" in holder.read_text()


def with_tokens(template: Path, path: Path, authorization: Mapping[str, Any]) -> None:
    path.write_bytes(document.set_authorization(
        document.parse(template.read_bytes()),
        {key: str(value) for key, value in authorization.items()}).data)
