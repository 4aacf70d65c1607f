from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

from deployment import Deployment
from terraform import Root, copy, terraform

from iotstream.local.process import ServiceProcess


@pytest.fixture(scope="session")
def root(tmp_path_factory):
    """The root as it is, without an account: for what asks nobody."""
    terraform()
    return Root(copy(tmp_path_factory.mktemp("terraform")))


@pytest.fixture(scope="session")
def deploying(tmp_path_factory):
    """A deployment at the local AWS. It lives by itself: it mostly waits, while other tests run."""
    terraform()
    package = tmp_path_factory.mktemp("package") / "lambda.zip"
    here = str(Path(__file__).parent)
    aws = ServiceProcess("moto_plus", environment={"PYTHONPATH": here})
    try:
        directory = copy(tmp_path_factory.mktemp("deployment"))
        life = Deployment(directory, aws.facts["endpoint"], package, said=aws.last_log_lines)
        thread = threading.Thread(target=life.run, name="deployment")
        thread.start()
        yield life
        life.give_up.set()
        thread.join()
    finally:
        aws.stop()


@pytest.fixture(scope="session")
def deployed(deploying):
    """That deployment, done: what was there at each of its stations."""
    deploying.wait()
    return deploying
