"""The artefact for this machine, built once, and what starts it with nothing else of the project."""

import contextlib
import importlib.metadata
import platform
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "scripts"))

from artefacts import archive, wheels
from building import NAMES, PYTHON, build

import needs
import package


@pytest.fixture(scope="session")
def architecture():
    """Lambda's name of this machine's."""
    if platform.system() != "Linux" or package.HOST not in NAMES:
        needs.missing(f"a Lambda's artefact runs on Linux, x86_64 or arm64, not on {platform.platform()}")
    return NAMES[package.HOST]


@pytest.fixture(scope="session")
def kernel(architecture, tmp_path_factory):
    """The directory with the kernel's wheel; it is empty where that can't be compiled."""
    directory = tmp_path_factory.mktemp("kernel")
    with contextlib.suppress(wheels.KernelNotBuilt):
        wheels.kernel_wheel(package.MACHINES[architecture], directory)
    return directory


@pytest.fixture(scope="session")
def options(architecture, kernel):
    """How the script is told to build for the Python that runs the tests."""
    return ["--python", PYTHON, "--architecture", architecture, "--kernel-wheels", kernel]


@pytest.fixture(scope="session")
def zipped(architecture, options, tmp_path_factory):
    """The zip."""
    directory = tmp_path_factory.mktemp("dist")
    build("--out", directory, *options)
    return directory / f"iotstream-lambda-python{PYTHON}-{architecture}.zip"


@pytest.fixture(scope="session")
def wheel(zipped):
    """The project's wheel."""
    return next(zipped.parent.glob("iotstream-*.whl"))


@pytest.fixture(scope="session")
def task_root(zipped, tmp_path_factory):
    """The zip's contents, as in a Lambda."""
    directory = tmp_path_factory.mktemp("task")
    archive.extract(zipped, directory)
    return directory


@pytest.fixture(scope="session")
def python():
    """The interpreter without any environment's packages: `-S`, and not a virtual environment's."""
    return getattr(sys, "_base_executable", sys.executable)


@pytest.fixture(scope="session")
def runtime_client(tmp_path_factory):
    """A directory with Lambda's runtime interface client and what it needs, as the managed runtime has it."""
    directory = tmp_path_factory.mktemp("runtime")
    for name in ("awslambdaric", "simplejson", "snapshot-restore-py"):
        for file in importlib.metadata.files(name):
            top = directory / file.parts[0]
            if not top.exists() and ".." not in file.parts and not file.parts[0].endswith(".dist-info"):
                top.symlink_to(
                    file.locate().parents[len(file.parts) - 2] if len(file.parts) > 1 else file.locate()
                )
    return directory


@pytest.fixture(scope="session")
def managed_runtime(python, runtime_client, tmp_path_factory):
    """For AWS_LAMBDA_EXEC_WRAPPER: starts the runtime as it would be started, but isolated."""
    code = (
        f"import runpy, sys; sys.path.append({str(runtime_client)!r}); sys.argv = sys.argv[1:]; "
        "runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    script = tmp_path_factory.mktemp("wrapper") / "isolated"
    # "$1" is this environment's interpreter, "$2" its option, "$3" the launcher.
    script.write_text(f'#!/bin/sh\nexec {python} -I -S -B -c "{code}" "$3"\n')
    script.chmod(0o755)
    return script


@pytest.fixture(scope="session")
def raw_runtime(python, task_root, tmp_path_factory):
    """For AWS_LAMBDA_EXEC_WRAPPER: the artefact's own `raw-runtime`, with an isolated interpreter."""
    directory = tmp_path_factory.mktemp("wrapper")
    interpreter, script = directory / "python", directory / "raw"
    interpreter.write_text(f'#!/bin/sh\nexec {python} -E -s -S -B "$@"\n')
    script.write_text(f"#!/bin/sh\nexec {task_root}/raw-runtime {interpreter}\n")
    for one in (interpreter, script):
        one.chmod(0o755)
    return script
