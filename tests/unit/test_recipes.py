"""The recipes in the documentation are read by the programs that they are for."""
from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from trakt_config import document

ROOT = Path(__file__).parents[2]
RECIPES = ROOT / "docs" / "recipes"
MANIFESTS = sorted([*RECIPES.rglob("*.yml")])
COMPOSE = sorted((RECIPES / "compose").glob("*.yml"))
UNITS = sorted((RECIPES / "systemd").glob("*.*"))


def objects(manifest: Path) -> list[Any]:
    return list(yaml.safe_load_all(manifest.read_text("utf-8")))


def services(manifest: Path) -> dict[str, Any]:
    found: dict[str, Any] = objects(manifest)[0]["services"]
    return found


def kubernetes() -> dict[tuple[str, str], Any]:
    return {(each["kind"], each["metadata"]["name"]): each
            for each in objects(RECIPES / "kubernetes" / "kometa.yml")}


def pods() -> list[Any]:
    """Of the job that signs in, and of the one that runs every night."""
    found = kubernetes()
    night = found["CronJob", "kometa"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    return [found["Job", "kometa-sign-in"]["spec"]["template"]["spec"], night]


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda path: path.name)
def test_manifests_are_yaml(manifest: Path) -> None:
    assert all(isinstance(found, dict) for found in objects(manifest))


@pytest.mark.parametrize("manifest", COMPOSE, ids=lambda path: path.name)
def test_shell_commands_of_compose_are_shell(manifest: Path) -> None:
    """A command of one string goes to `sh -c`; in compose `$$` is a dollar."""
    for service in services(manifest).values():
        if service.get("entrypoint", [])[-2:] == ["sh", "-c"]:
            [command] = service["command"]
            subprocess.run(["sh", "-n", "-c", command.replace("$$", "$")], check=True, timeout=60)


def shell_commands() -> Iterator[tuple[str, str]]:
    """Every shell that starts trakt-config in a container, and where it stands."""
    for manifest in COMPOSE:
        for name, service in services(manifest).items():
            if service.get("entrypoint", [])[-2:] == ["sh", "-c"]:
                yield f"{manifest.name}: {name}", service["command"][0].replace("$$", "$")
    for pod in pods():
        for container in pod["containers"]:
            if container["command"][:2] == ["sh", "-c"]:
                yield container["name"], container["args"][0]


#: Begins, and ends when it is told to, whatever is sent to the shell that has started it.
STAND_IN = """#!/bin/sh
echo began > began
read line < go
echo saved > saved
"""


@pytest.mark.parametrize("command", [pytest.param(command, id=where)
                                     for where, command in shell_commands()])
def test_a_stop_does_not_end_a_shell_before_trakt_config(command: str, tmp_path: Path) -> None:
    """The container ends with the process that its init has started, and kills the others."""
    (tmp_path / "trakt-config").write_text(STAND_IN)
    (tmp_path / "trakt-config").chmod(0o755)
    for name in ("began", "go"):
        os.mkfifo(tmp_path / name)
    environ = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    here = command.replace("/state/", "./").replace("/holder/", "./")
    shell = subprocess.Popen(["sh", "-c", here], cwd=tmp_path, env=environ)
    assert (tmp_path / "began").read_text() == "began\n"
    is_ours = Path(f"/proc/{shell.pid}/cmdline").read_bytes().split(b"\0")[1].endswith(b"-config")
    if not is_ours:  # Where the shell has become trakt-config, that looks after its own signals.
        shell.terminate()
    (tmp_path / "go").write_text("go\n")
    if is_ours:
        assert shell.wait(60) == 0
    else:
        assert shell.wait(60) == 128 + signal.SIGTERM and (tmp_path / "saved").exists()


@pytest.mark.parametrize("failures, tries", [(0, 1), (2, 3), (9, 5)])
def test_the_sidecar_tries_again_before_the_host_begins(failures: int, tries: int,
                                                        tmp_path: Path) -> None:
    """Every ten minutes within the hour, and then at the time of the next day."""
    for name, script in (
            ("trakt-config", f"echo try >> tries; test $(wc -l < tries) -gt {failures}"),
            ("date", "echo 1000"),
            ("sleep", "echo $1 >> slept; test $1 = 600 || kill -TERM $PPID")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    [command] = services(RECIPES / "compose" / "daemon.yml")["trakt-config"]["command"]
    done = subprocess.run(["sh", "-c", command.replace("$$", "$")], cwd=tmp_path, timeout=60,
                          env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert done.returncode == 128 + signal.SIGTERM
    assert len((tmp_path / "tries").read_text().splitlines()) == tries
    waits = tries - 1 if failures < tries else tries
    assert (tmp_path / "slept").read_text().split() == ["600"] * waits + ["0"]


@pytest.mark.parametrize("now, hours", [
    ("2026-10-24 04:00", 25),  # The clock goes back in the night.
    ("2026-10-24 23:30", 5.5), ("2026-10-25 03:00", 1), ("2026-10-25 04:00", 24),
    ("2026-03-28 04:00", 23), ("2026-03-29 03:59", 1 / 60), ("2026-07-01 12:00", 16)])
def test_the_sidecar_sleeps_until_its_hour(now: str, hours: float, tmp_path: Path) -> None:
    """Of the next day, or of this one, whatever the clocks do in between."""
    day = now.partition(" ")[0]
    date = (f'#!/bin/sh\ncase "$*" in +%s) exec $DATE -d "{now}" +%s;; '
            f'*tomorrow*) exec $DATE -d "{day} 04:00 tomorrow" +%s;; '
            f'*) exec $DATE -d "{day} 04:00" +%s;; esac\n')
    for name, script in (("trakt-config", "#!/bin/sh\n"), ("date", date),
                         ("sleep", "#!/bin/sh\necho $1 > slept; kill -TERM $PPID\n")):
        (tmp_path / name).write_text(script)
        (tmp_path / name).chmod(0o755)
    [command] = services(RECIPES / "compose" / "daemon.yml")["trakt-config"]["command"]
    subprocess.run(["sh", "-c", command.replace("$$", "$")], cwd=tmp_path, timeout=60,
                   env={**os.environ, "TZ": "CET-1CEST,M3.5.0,M10.5.0/3",
                        "DATE": shutil.which("date") or "",
                        "PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert int((tmp_path / "slept").read_text()) == round(hours * 3600)


def test_the_two_of_the_daemon_have_one_time_zone() -> None:
    host, sidecar = services(RECIPES / "compose" / "daemon.yml").values()
    assert host["environment"]["TZ"] == sidecar["environment"]["TZ"]


def test_the_read_only_config_has_what_its_placeholders_name() -> None:
    """They are in the environment of the container, from the file beside the recipe."""
    [service] = services(RECIPES / "compose" / "read-only.yml").values()
    text = (RECIPES / "trakt.yml").read_text("utf-8")
    for name in re.findall(r"(?m)^  client_\w+: <<(.+)>>", text):
        variable = f"KOMETA_{name.upper().replace('-', '_')}"
        assert service["environment"][variable] == f"${{{variable}}}"


def test_what_is_copied_finds_its_checkout_its_service_and_its_config() -> None:
    """All of them stand in one folder, and every page names the same config."""
    for manifest in COMPOSE:
        found = services(manifest)
        assert {service["build"]["context"] for service in found.values() if "build" in service} \
            == {"./trakt_config"}
        for called in re.findall(r"--entrypoint trakt-config (\S+) login",
                                 manifest.read_text("utf-8")):
            assert called in found
    pages = [ROOT / "README.rst", *(path for path in RECIPES.rglob("*") if path.is_file())]
    assert {config for page in pages
            for config in re.findall(r"/opt/kometa/\S*config\.yml", page.read_text("utf-8"))} \
        == {"/opt/kometa/config/config.yml"}


@pytest.mark.parametrize("manifest", COMPOSE, ids=lambda path: path.name)
def test_services_with_trakt_config_have_time_to_stop_and_a_folder(manifest: Path) -> None:
    """An answer under way takes up to 90 s, and a mounted file loses its journal."""
    for service in services(manifest).values():
        if "build" in service:
            assert service["stop_grace_period"] == "100s"
        for volume in service["volumes"]:
            assert not volume.split(":")[0].endswith(".yml") or volume.endswith(":ro")


@pytest.mark.skipif(not shutil.which("docker"), reason="docker is not installed")
@pytest.mark.parametrize("manifest", COMPOSE, ids=lambda path: path.name)
def test_compose_takes_them(manifest: Path) -> None:
    compose = ["docker", "compose"]
    if subprocess.run([*compose, "version"], capture_output=True, timeout=60).returncode:
        pytest.skip("docker has no compose")
    done = subprocess.run([*compose, "-f", str(manifest), "config", "--quiet"],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    """With programs that are installed in the place of those that are not."""
    for unit in UNITS:
        text = re.sub(r"(?m)^(Exec\w+=)/\S+", r"\1/bin/true", unit.read_text("utf-8"))
        (tmp_path / unit.name).write_text(text, "utf-8")
    done = subprocess.run(["systemd-analyze", "verify", *map(str, sorted(tmp_path.iterdir()))],
                          capture_output=True, text=True, timeout=60)
    said = [line for line in done.stderr.splitlines() if "kometa-trakt" in line]
    assert not said


def test_the_crontab_has_five_fields_and_a_command() -> None:
    lines = [line for line in (RECIPES / "crontab").read_text("utf-8").splitlines()
             if line and not line.startswith("#")]
    for line in lines:
        *when, command = line.split(" ", 5)
        assert all(re.fullmatch(r"[\d*,/-]+", field) for field in when) and len(when) == 5
        assert "%" not in command  # cron would end the command there.
        subprocess.run(["sh", "-n", "-c", command], check=True, timeout=60)


def test_the_cron_job_shares_nothing_that_can_be_spent() -> None:
    """The config map has placeholders for what `exec` gives, and none for the refresh token."""
    config = kubernetes()["ConfigMap", "kometa-config"]["data"]["config.yml"]
    values = document.parse(config.encode()).authorization
    assert values["access_token"].text == "<<trakt-access-token>>"
    assert values["refresh_token"].blank
    [container] = pods()[1]["containers"]
    assert container["command"][:5] == ["/tini", "-s", "--", "trakt-config", "exec"]
    assert container["command"][-1] == "--"


def test_pods_have_what_they_mount_and_time_to_stop() -> None:
    found = kubernetes()
    for pod in pods():
        assert pod["terminationGracePeriodSeconds"] == 100
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        for container in pod["containers"]:
            for mount in container["volumeMounts"]:
                volume = volumes[mount["name"]]
                if "persistentVolumeClaim" in volume:
                    assert ("PersistentVolumeClaim",
                            volume["persistentVolumeClaim"]["claimName"]) in found
                if "configMap" in volume:
                    data = found["ConfigMap", volume["configMap"]["name"]]["data"]
                    assert mount["readOnly"] and mount.get("subPath", "config.yml") in data


def test_the_host_can_write_beside_its_config() -> None:
    """It makes its logs there when it starts, read-only config or not."""
    [container] = pods()[1]["containers"]
    paths = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
    assert not paths["/config"].get("readOnly")
    for manifest in COMPOSE:
        for service in services(manifest).values():
            assert "./config:/config" in service["volumes"]


def test_the_holder_of_the_config_map_is_the_recipes() -> None:
    there = kubernetes()["ConfigMap", "kometa-config"]["data"]["trakt.yml"]
    ours = (RECIPES / "trakt.yml").read_text("utf-8")
    assert list(yaml.safe_load(there)["trakt"]) == list(yaml.safe_load(ours)["trakt"])


def test_the_holder_can_be_read() -> None:
    parsed = document.parse((RECIPES / "trakt.yml").read_bytes())
    environ = {"KOMETA_TRAKT_CLIENT_ID": "abc", "KOMETA_TRAKT_CLIENT_SECRET": "def"}
    assert document.read_settings(parsed, environ).client.client_id == "abc"


def test_commands_name_a_place_or_stand_in_a_container() -> None:
    """Outside of a container a command is named by the path that the page creates."""
    for path in (RECIPES / "crontab", *UNITS):
        for line in path.read_text("utf-8").splitlines():
            words = shlex.split(line, comments=True)
            assert "trakt-config" not in words, path.name


def test_no_config_gets_into_an_image_or_a_commit() -> None:
    """An image is built from what is let through by name; a config lies at the top, as a rule."""
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    first, *patterns = [line for line in lines if not line.startswith("#")]
    assert first == "*"
    assert {line[1:] for line in patterns if line.startswith("!")} \
        == {"LICENSE", "README.rst", "setup.cfg", "setup.py", "trakt_config"}
    ignored = (ROOT / ".gitignore").read_text("utf-8").splitlines()
    assert {"/config.yml", ".*.trakt-journal*"} <= set(ignored)


def test_root_installs_a_wheel_and_leaves_nothing_in_the_checkout() -> None:
    for path in (ROOT / "README.rst", RECIPES / "README.rst"):
        installs = re.findall(r"sudo \S+/pip install (.*)", path.read_text("utf-8"))
        assert installs == ["--force-reinstall dist/trakt_config-*.whl"], path
