"""Terraform as a program, in a copy of the modules, so that none of its files are left in the repository."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import needs

PROJECT = Path(__file__).parents[2]
MODULES = PROJECT / "infra" / "terraform"
WHEEL = "iotstream-0.1.0-py3-none-any.whl"
CHECKOV = "checkov==3.3.30"
"""Not in the lock file: it brings a hundred packages, some older than ours. uv keeps it in its own cache."""


def terraform() -> str:
    """Its path. Without it the test is skipped, or fails in CI."""
    found = shutil.which("terraform")
    if found is None:
        needs.missing("terraform is not installed: https://developer.hashicorp.com/terraform/install")
    assert found is not None
    return found


class Root:
    """A directory of Terraform, made ready.

    Args:
        directory: of a copy.
        environment: variables added to this process's own: endpoints, credentials.
    """

    def __init__(self, directory: Path, environment: dict[str, str] | None = None) -> None:
        self.directory = directory
        self.environment = {
            **os.environ,
            "TF_IN_AUTOMATION": "1",
            "TF_INPUT": "0",
            "CHECKPOINT_DISABLE": "1",
            **(environment or {}),
        }
        self._program = terraform()
        self.run("init")

    def run(self, *arguments: str, statuses: tuple[int, ...] = (0,), timeout: float = 400) -> str:
        """Run a command to its end; what it wrote. Another exit status than these fails the test."""
        done = subprocess.run(
            [self._program, *arguments, *([] if arguments[0] == "output" else ["-no-color"])],
            cwd=self.directory,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        said = done.stdout + done.stderr
        assert done.returncode in statuses, (
            f"terraform {' '.join(arguments)}: {done.returncode}\n{said[-8000:]}"
        )
        return said if arguments[0] != "output" else done.stdout

    def outputs(self) -> dict[str, Any]:
        """What it gives out, by name."""
        return {name: one["value"] for name, one in json.loads(self.run("output", "-json")).items()}


def copy(directory: Path) -> Path:
    """Copy what Terraform reads of this project, as it lies there; the root's directory."""
    shutil.copytree(MODULES, directory / "infra" / "terraform", ignore=shutil.ignore_patterns(".terraform"))
    (directory / "scripts").mkdir()
    shutil.copy(PROJECT / "scripts" / "user_data.sh", directory / "scripts")
    # As `make package` leaves it; nothing here installs it.
    (directory / "dist").mkdir()
    (directory / "dist" / WHEEL).write_bytes(b"a wheel")
    return directory / "infra" / "terraform"
