"""A started image: what `docker run --read-only --cap-drop ALL --security-opt no-new-privileges` does."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jail
import psutil
from stages import Image

TIMEOUT_S = 60


def run(
    image: Image, environment: dict[str, str], *arguments: str, mounts: Sequence[jail.Mount] = ()
) -> list[str]:
    """The command line of a container, and only that: `arguments` are all that is run in it."""
    return jail.command(
        image.root,
        arguments,
        mounts=[*image.mounts, *mounts],
        # A user without a home has the root directory.
        environment={"HOME": "/", **image.environment, **environment},
        directory=image.directory,
        user=image.user,
        writable=image.volumes,
    )


class Container:
    """One that runs for long.

    Args:
        image: what is run.
        log: the file for what it writes to stderr; beside it is one for stdout.
        environment: variables beside the image's.
        arguments: the command; default: the image's.
        mounts: further ones.
    """

    def __init__(
        self,
        image: Image,
        log: Path,
        environment: dict[str, str],
        *arguments: str,
        mounts: Sequence[jail.Mount] = (),
    ) -> None:
        self._image = image
        self._environment = environment
        self._log = log
        command = run(image, environment, *(arguments or (*image.entrypoint, *image.command)), mounts=mounts)
        with log.open("wb") as stderr, log.with_suffix(".out").open("wb") as stdout:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, start_new_session=True
            )

    @property
    def first(self) -> psutil.Process:
        """Process 1 of the container; the parent is outside."""
        return self.until(lambda: psutil.Process(self._process.pid).children(), "a process")[0]

    def processes(self) -> list[psutil.Process]:
        return [self.first, *self.first.children(recursive=True)]

    def files(self, directory: str) -> list[Path]:
        """What is in a directory, seen from outside."""
        return sorted(Path(f"/proc/{self.first.pid}/root{directory}").iterdir())

    def lines(self) -> list[dict[str, Any]]:
        """Its log."""
        return [json.loads(line) for line in self._log.read_text().splitlines()]

    def healthy(self) -> bool:
        """What the image's health check says."""
        return health(self._image, self._environment).returncode == 0

    def until(self, condition: Callable[[], Any], what: str) -> Any:
        """Wait until the condition holds; what it returned."""
        deadline = time.monotonic() + TIMEOUT_S
        while not (found := condition()):
            ended = self._process.poll()
            assert ended is None, f"{what}: ended with {ended}\n{self._log.read_text()[-4000:]}"
            assert time.monotonic() < deadline, f"{what}\n{self._log.read_text()[-4000:]}"
            time.sleep(0.1)
        return found

    def stop(self) -> int:
        """What `docker stop` does; the exit status."""
        self.first.send_signal(signal.Signals[self._image.stop_signal])
        return self._process.wait(TIMEOUT_S)

    def close(self) -> None:
        """End it, whatever it does; with process 1 end all others."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(TIMEOUT_S)


def health(image: Image, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the image's health check, as docker and ECS do."""
    seconds = float(image.health_options["timeout"].removesuffix("s"))
    command = run(image, environment, *image.health_check)
    return subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
