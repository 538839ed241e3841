"""Configs about to be authorized, each in folders of its own, and what must stay of them."""
from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable

import pytest

from tests.conftest import config_text
from tests.support import children, mounts
from tests.support.ages import WORTH_REFRESHING
from tests.support.injection import App, Ended, Fault, command, forked
from trakt_config.tokens import AUTHORIZATION_KEYS

WEEK = 604800


@dataclass
class Scene:
    """A config about to be authorized, in folders of its own."""

    trakt: Any
    base: Path
    before: bytes = b""
    second: Path | None = None
    prepare: Callable[[], None] = lambda: None
    may_be_kept: bool = False
    asked_before: int = 0
    metadata: Any = None
    environ: dict[str, str] = field(default_factory=dict)
    name: str = "config.yml"

    @property
    def config(self) -> Path:
        return self.base / "folder" / self.name

    def authorize(self, *options: object, fault: Fault | None = None,
                  **more: Any) -> Ended:
        """The command in a child."""
        return forked(command("authorize", self.config, *options), environ=self.environ,
                      fault=fault, **{"prepare": self.prepare, **more})

    def files(self) -> dict[str, bytes]:
        """Everything that is on the disk."""
        return {str(path.relative_to(self.base)): path.read_bytes()
                for path in self.base.rglob("*") if path.is_file()}

    def kept(self) -> list[str]:
        """The refresh tokens that Trakt honours and that are on the disk."""
        contents = b"\0".join(self.files().values())
        return [token for token in self.trakt.honoured() if token.encode() in contents]

    def left_overs(self) -> list[str]:
        """All but the configs, and what `status` is to know of a refusal."""
        return sorted(name for name in set(self.files())
                      - {f"folder/{self.name}", "elsewhere/second.yml"}
                      if not name.startswith("home/.cache/trakt_config/"))


def described(path: Path) -> Any:
    """Owner, group, mode and attributes."""
    status = os.stat(path)
    attributes = {}
    if hasattr(os, "listxattr"):
        attributes = {name: os.getxattr(path, name) for name in os.listxattr(path)}
    return status.st_uid, status.st_gid, oct(status.st_mode), status.st_nlink, attributes


Build = Callable[[Any, Path], Scene]


def scene(trakt: Any, base: Path, *, age: int = WEEK + 3600, pin: bool = False,
          name: str = "config.yml") -> Scene:
    """One config that nobody else may read, of another owner where we may give it away."""
    for folder in ("folder", "home", "elsewhere"):
        shutil.rmtree(base / folder, ignore_errors=True)
        (base / folder).mkdir()
    trakt.reset()
    made = Scene(trakt, base, name=name, environ={
        "HOME": str(base / "home"), "PATH": os.environ["PATH"],
        "TRAKT_CONFIG_OAUTH_URL": trakt.address(), "TRAKT_CONFIG_API_URL": trakt.address()})
    authorization = {} if pin else trakt.issue_authorization(created_at=int(time.time()) - age)
    text = config_text(App, authorization, pin=trakt.issue_code() if pin else "")  # type: ignore
    made.before = text.encode()
    made.config.write_bytes(made.before)
    _dress(made.config)
    made.metadata = described(made.config)
    return made


def _dress(config: Path) -> None:
    """Give it everything that a replacement could lose."""
    try:
        os.setxattr(config, "user.color", b"green")
    except (AttributeError, OSError):
        pass
    if os.geteuid() == 0:
        os.chown(config, 12345, 23456)
    os.chmod(config, 0o640)


def refresh_by_rename(trakt: Any, base: Path) -> Scene:
    return scene(trakt, base)


def refresh_in_place(trakt: Any, base: Path) -> Scene:
    """With a second name, which a rename would cut off."""
    made = scene(trakt, base)
    made.second = made.base / "elsewhere" / "second.yml"
    os.link(made.config, made.second)
    made.metadata = described(made.config)
    return made


def refresh_of_a_mounted_file(trakt: Any, base: Path) -> Scene:
    """Mounted as a single file, as containers do: a rename gets EBUSY."""
    if not children.can_mount():
        pytest.skip("this machine allows no private mounts")
    made = scene(trakt, base)

    def prepare() -> None:
        mounts.private_mounts()
        mounts.bind(made.config, made.config)

    made.prepare = prepare
    return made


def pin_exchange(trakt: Any, base: Path) -> Scene:
    return scene(trakt, base, pin=True)


def advisory_refresh(trakt: Any, base: Path) -> Scene:
    made = scene(trakt, base, age=int(WORTH_REFRESHING * WEEK))
    made.may_be_kept = True
    return made


def recovery(trakt: Any, base: Path) -> Scene:
    """An earlier run was killed when it had Trakt's answer, and nothing of it in the config."""
    made = refresh_by_rename(trakt, base)
    made.authorize(fault=Fault("replace", 1, "kill"))
    assert made.config.read_bytes() == made.before and made.kept()
    made.asked_before = trakt.asked()
    return made


def recovery_of_a_torn_config(trakt: Any, base: Path) -> Scene:
    """An earlier run was killed in the middle of an overwrite in place."""
    made = refresh_in_place(trakt, base)
    made.authorize(fault=Fault("write", TORN_WRITE, "torn", share=0.77))
    assert made.config.read_bytes() != made.before and made.kept() and made.left_overs()
    made.asked_before = trakt.asked()
    return made


#: note, answer, before, content, and then the config, which is as long as it was.
TORN_WRITE = 5


def is_usable(scene: Scene) -> bool:
    return bool(scene.trakt.honours_access(values(scene).get("access_token", "")))


def values(scene: Scene) -> dict[str, str]:
    lines = scene.config.read_text().split("\nmal:")[0].splitlines()
    pairs = (line.strip().partition(": ") for line in lines)
    return {key: value for key, _, value in pairs if key in AUTHORIZATION_KEYS}


def damage(scene: Scene) -> Iterator[str]:
    """Everything but the values is as it was: bytes, owner, group, mode, attributes, links."""
    after = scene.config.read_bytes()
    if without_values(after) != without_values(scene.before):
        yield f"more than the values has changed:\n{after.decode()}"
    if described(scene.config) != scene.metadata:
        yield f"{described(scene.config)} instead of {scene.metadata}"
    if scene.second and scene.second.read_bytes() != after:
        yield "the second name has other bytes"


def without_values(data: bytes) -> list[bytes]:
    ours, _, rest = data.partition(b"\nmal:")
    keys = tuple(b"    " + key.encode() + b":" for key in AUTHORIZATION_KEYS) + (b"  pin:",)
    return [line.split(b":")[0] if line.startswith(keys) else line
            for line in ours.split(b"\n")] + [rest]
