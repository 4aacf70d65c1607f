"""A directory as the root of a process, as a container has it: namespaces for mounts and processes (Linux).

What a base image would bring, the system and its Python or Java, is this machine's own, mounted read-only.
The network is this machine's.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import needs

DEVICES = ("full", "null", "random", "urandom", "zero")
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc")


@dataclass(frozen=True)
class Mount:
    """What is seen at `target` (of the jail): the directory or file `source` (of this machine)."""

    source: str
    target: str
    read_only: bool = True


def need_namespaces() -> None:
    """Skip or fail where no jail can be made."""
    tools = [one for one in ("unshare", "chroot", "setpriv", "mount") if shutil.which(one) is None]
    if sys.platform != "linux" or os.getuid() != 0 or tools:
        needs.missing("the container's test needs Linux, root, and util-linux (unshare, setpriv)")
    done = subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "mount", "-t", "tmpfs", "tmpfs", "/mnt"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        needs.missing(f"the container's test may not make namespaces: {done.stderr.strip()}")


def system(root: Path) -> list[Mount]:
    """This machine's system, for that root; links such as /bin are made in it."""
    mounts = []
    for name in map(Path, SYSTEM):
        here = root / name.relative_to("/")
        if name.is_symlink() and not here.is_symlink():
            here.symlink_to(name.readlink())
        elif name.is_dir() and not name.is_symlink():
            mounts.append(Mount(str(name), str(name)))
    return [*mounts, *(Mount(f"/dev/{name}", f"/dev/{name}", read_only=False) for name in DEVICES)]


def command(
    root: Path,
    arguments: Sequence[str],
    *,
    mounts: Sequence[Mount],
    environment: Mapping[str, str],
    directory: str,
    user: str = "0:0",
    writable: Sequence[str] | None = None,
) -> list[str]:
    """The command line that runs another in the jail, as process 1.

    Args:
        root: the jail's.
        arguments: the command, found by the PATH of `environment`.
        mounts: on top of each other, in order.
        environment: all of it.
        directory: where it is run.
        user: `uid:gid`. One that isn't root has no capabilities and can't gain any.
        writable: None: all that isn't mounted; else nothing but these, each an empty file system in memory.
    """
    script = [f"mount --bind {shlex.quote(str(root))} {shlex.quote(str(root))}"]
    for mount in mounts:
        target = _mount_point(root, mount)
        options = "bind,ro" if mount.read_only else "bind"
        script.append(shlex.join(["mount", "-o", options, mount.source, str(target)]))
    (root / "proc").mkdir(exist_ok=True)
    script.append(shlex.join(["mount", "-t", "proc", "proc", str(root / "proc")]))
    for name in writable or ():
        # As `docker run --tmpfs` does it: no program can be run from there.
        options = "mode=1777,noexec,nosuid,nodev"
        target = root / name.lstrip("/")
        target.mkdir(parents=True, exist_ok=True)
        script.append(shlex.join(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(target)]))
    if writable is not None:
        script.append(shlex.join(["mount", "-o", "remount,bind,ro", str(root)]))
    variables = [f"{name}={value}" for name, value in environment.items()]
    inside = ["chroot", str(root), *_as(user), "env", "-i", "-C", directory, *variables, *arguments]
    script.append(f"exec {shlex.join(inside)}")
    return ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-euc", "\n".join(script)]


def _mount_point(root: Path, mount: Mount) -> Path:
    target = root / mount.target.lstrip("/")
    if Path(mount.source).is_dir():
        target.mkdir(parents=True, exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    return target


def _as(user: str) -> list[str]:
    uid, gid = user.split(":")
    if uid == "0":
        return []
    who = [f"--reuid={uid}", f"--regid={gid}", "--clear-groups"]
    return ["setpriv", *who, "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"]
