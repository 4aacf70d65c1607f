"""Does what a Dockerfile says, without docker: each stage has a directory, and RUN runs with it as its root.

This machine stands in for the base images: its system, its Python at /usr/local, its JDK, its uv. All else is
done word for word; an instruction that isn't known here is refused.
"""

from __future__ import annotations

import fnmatch
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import jail
from dockerfile import Instruction, context, expand, parse

import needs

PROJECT = Path(__file__).parents[2]
RUN_TIMEOUT_S = 240
PASSED_ON = re.compile(r"SSL_CERT_(FILE|DIR)|(https?|all|no)_proxy", re.IGNORECASE)
"""Of this machine's environment: how a build reaches the package index."""
UNREACHABLE = re.compile(
    r"^.*(?:failed to lookup|error sending request|urlopen error|timed out).*$", re.MULTILINE
)
"""In what uv and amazon_kclpy's set-up print: the registries are not there."""
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Image:
    """What a stage has come to."""

    root: Path
    mounts: tuple[jail.Mount, ...] = ()
    environment: dict[str, str] = field(default_factory=lambda: {"PATH": SYSTEM_PATH})
    directory: str = "/"
    user: str = "0:0"
    volumes: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    stop_signal: str = ""
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    health_check: tuple[str, ...] = ()
    health_options: dict[str, str] = field(default_factory=dict)


class Builder:
    """Builds all stages of a Dockerfile.

    Args:
        project: the build's context, with the Dockerfile.
        directory: where the stages' roots will be.
    """

    def __init__(self, project: Path, directory: Path) -> None:
        self._directory = directory
        self._context = {name: project / name for name in context(project)} | _kernel(project)
        self._dockerfile = project / "Dockerfile"
        self._stages: dict[str, Image] = {}
        self._arguments: dict[str, str] = {}

    def build(self) -> Image:
        """The image of the last stage."""
        stage = ""
        for one in parse(self._dockerfile.read_text()):
            if one.name == "ARG":
                assert not self._stages, "ARG in a stage: not done here"
                self._arguments.update(one.pairs())
            elif one.name == "FROM":
                base, _, stage = one.text.partition(" AS ")
                self._stages[stage] = self._begin(expand(base, self._arguments), stage or "last")
            else:
                self._stages[stage] = self._perform(one, self._stages[stage])
        return self._stages[stage]

    def _begin(self, base: str, name: str) -> Image:
        root = self._directory / name
        root.mkdir(parents=True)
        root.chmod(0o755)
        image, _, tag = base.rpartition(":")
        return BASES[image.rpartition("/")[2]](root, tag)

    def _perform(self, one: Instruction, image: Image) -> Image:
        match one.name:
            case "RUN":
                self._run(one, image)
            case "COPY":
                self._copy(one, image)
            case "ENV":
                text = expand(one.text, image.environment)
                return replace(image, environment={**image.environment, **replace(one, text=text).pairs()})
            case "WORKDIR":
                (image.root / one.text.lstrip("/")).mkdir(parents=True, exist_ok=True)
                return replace(image, directory=one.text)
            case "USER":
                return replace(image, user=one.text)
            case "VOLUME":
                return replace(image, volumes=(*image.volumes, *one.words()))
            case "EXPOSE":
                return replace(image, ports=(*image.ports, *map(int, one.words())))
            case "STOPSIGNAL":
                return replace(image, stop_signal=one.text)
            case "ENTRYPOINT":
                return replace(image, entrypoint=tuple(one.exec_form()))
            case "CMD":
                return replace(image, command=tuple(one.exec_form()))
            case "HEALTHCHECK":
                kind, _, text = one.text.partition(" ")
                assert kind == "CMD"
                command = tuple(replace(one, text=text).exec_form())
                return replace(image, health_check=command, health_options=dict(one.flags))
            case _:
                raise AssertionError(f"{one.name}: not done here")
        return image

    def _run(self, one: Instruction, image: Image) -> None:
        mounts = list(image.mounts)
        for _, text in one.flags:
            options = dict(option.split("=", 1) for option in text.split(","))
            assert options == {"type": "cache", "target": "/root/.cache/uv"}, text
            mounts.append(jail.Mount(_uv_cache(), options["target"], read_only=False))
        passed_on = {name: value for name, value in os.environ.items() if PASSED_ON.fullmatch(name)}
        command = jail.command(
            image.root,
            ["/bin/sh", "-c", one.text],
            mounts=mounts,
            environment={**passed_on, "HOME": "/root", **image.environment},
            directory=image.directory,
            user=image.user,
        )
        done = subprocess.run(command, capture_output=True, text=True, timeout=RUN_TIMEOUT_S, check=False)
        if done.returncode and (words := UNREACHABLE.search(done.stderr)):
            needs.missing(f"the container's test can't reach PyPI or Maven Central: {words[0].strip()}")
        assert done.returncode == 0, f"RUN {one.text}\n{done.stdout}\n{done.stderr}"

    def _copy(self, one: Instruction, image: Image) -> None:
        *sources, target = one.words()
        to = image.root / os.path.join(image.directory, target).lstrip("/")  # noqa: PTH118 - one may be absolute
        into = target.endswith("/")
        assert into or len(sources) == 1, f"COPY {one.text}: the target must end in /"
        stage = one.flag("from")
        for source in self._expanded(sources, stage):
            destination = to / Path(source).name if into else to
            destination.parent.mkdir(parents=True, exist_ok=True)
            if stage is None:
                self._copy_from_context(source, destination)
            elif (path := self._stages[stage].root / source.lstrip("/")).is_dir():
                # The same files: what is in an image can't be changed.
                shutil.copytree(path, destination, symlinks=True, copy_function=os.link)
            else:
                shutil.copy2(path, destination)

    def _copy_from_context(self, source: str, destination: Path) -> None:
        found = [name for name in self._context if name == source or name.startswith(f"{source}/")]
        assert found, f"COPY {source}: not in the build's context"
        for name in found:
            file = destination / name[len(source) + 1 :] if name != source else destination
            file.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(self._context[name], file)

    def _expanded(self, sources: list[str], stage: str | None) -> list[str]:
        """File names where there are patterns of names in the build's context."""
        if stage is not None or not any("*" in source for source in sources):
            return sources
        found = [fnmatch.filter(self._context, source) for source in sources]
        assert all(found), f"COPY {sources}: not in the build's context"
        return [name for names in found for name in names]


def _kernel(project: Path) -> dict[str, Path]:
    """The wheel that `make setup` has built, where `make package` would put those for all platforms."""
    wheels = sorted((project / "build/kernel").glob("*.whl"))
    if not wheels:
        needs.missing("the compiled kernel is not built (scripts/build-kernel)")
    return {f"dist/{one.name}": one for one in wheels}


def _uv(root: Path, _tag: str) -> Image:
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.exists() else shutil.which("uv")
    if uv is None:
        needs.missing("uv is not installed (make setup)")
    shutil.copy2(uv, root / "uv")
    return Image(root)


def _python(root: Path, tag: str) -> Image:
    """As in the official image, Python is below /usr/local, and there is no Java."""
    prefix = _python_prefix(tag.partition("-")[0])
    nothing = root.parent / "nothing"
    nothing.mkdir(exist_ok=True)
    mounts = [
        *jail.system(root),
        jail.Mount(prefix, "/usr/local"),
        # Where its shared library is looked for, if it has one.
        *([] if prefix.startswith("/usr") else [jail.Mount(prefix, prefix)]),
        *([jail.Mount(str(nothing), "/usr/lib/jvm")] if Path("/usr/lib/jvm").exists() else []),
    ]
    return Image(root, tuple(mounts))


def _java(root: Path, _tag: str) -> Image:
    jlink = shutil.which("jlink")
    if jlink is None:
        needs.missing(
            "a JDK is not installed: jlink is not in PATH (apt-get install openjdk-17-jdk-headless)"
        )
    home = str(Path(jlink).resolve().parents[1])
    mounts = (*jail.system(root), jail.Mount(home, "/opt/java/openjdk"))
    path = f"/opt/java/openjdk/bin:{SYSTEM_PATH}"
    return Image(root, mounts, {"PATH": path, "JAVA_HOME": "/opt/java/openjdk"})


BASES: dict[str, Callable[[Path, str], Image]] = {"uv": _uv, "python": _python, "eclipse-temurin": _java}


def _python_prefix(version: str) -> str:
    """Of this machine's Python of that version; if there is none, of the one that runs this."""
    candidates = [sys.executable, shutil.which(f"python{version}")]
    pyenv = os.environ.get("PYENV_ROOT")
    if pyenv is not None:
        candidates += map(str, sorted(Path(pyenv).glob(f"versions/{version}.*/bin/python{version}")))
    code = "import sys; print(sys.base_prefix, '%d.%d' % sys.version_info[:2])"
    for candidate in filter(None, candidates):
        done = subprocess.run([candidate, "-c", code], capture_output=True, text=True, check=False)
        if done.returncode == 0 and done.stdout.split()[1] == version:
            return done.stdout.split()[0]
    return sys.base_prefix


def _uv_cache() -> str:
    uv = Path(sys.executable).with_name("uv")
    done = subprocess.run([uv, "cache", "dir"], capture_output=True, text=True, check=True)
    Path(done.stdout.strip()).mkdir(parents=True, exist_ok=True)
    return done.stdout.strip()
