"""The form and the logic of the Terraform, without an account: the provider is mocked, or not asked."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from terraform import CHECKOV, MODULES, Root

import needs

TESTED = [".", *sorted(str(one.parent.relative_to(MODULES)) for one in MODULES.glob("modules/*/tests"))]

pytestmark = pytest.mark.timeout(400)


def test_format(root):
    root.run("fmt", "-check", "-recursive", "-diff")


def test_valid(root):
    assert "Success!" in root.run("validate")


@pytest.mark.parametrize("module", TESTED)
def test_logic(root, module):
    tested = root if module == "." else Root(root.directory / module)
    said = tested.run("test")
    assert re.search(r"Success! [1-9]\d* passed, 0 failed", said), said[-4000:]


def test_every_module_explains_itself():
    for module in [MODULES, *MODULES.glob("modules/*"), *MODULES.glob("examples/*")]:
        text = (module / "README.md").read_text()
        assert len(text.splitlines()) > 5, module


def test_checkov(root, tmp_path):
    uv = Path(sys.executable).parent / "uv"
    command = [
        uv,
        "tool",
        "run",
        "--quiet",
        CHECKOV,
        "--directory",
        root.directory,
        "--framework",
        "terraform",
    ]
    command += [
        "--output",
        "json",
        "--compact",
        "--quiet",
        "--skip-download",
        "--download-external-modules",
        "false",
    ]
    done = subprocess.run(
        [str(one) for one in command],
        cwd=tmp_path,
        env={**os.environ, "LOG_LEVEL": "ERROR"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    if done.returncode == 2:
        needs.missing(f"uv could not fetch {CHECKOV}: {done.stderr.strip()[-300:]}")
    report = json.loads(done.stdout)
    failed = [f"{one['check_id']} {one['resource']}" for one in report["results"]["failed_checks"]]
    assert failed == []
    assert report["summary"]["passed"] > 400
    # A skip without a reason is no decision.
    reasons = {
        f"{one['check_id']} {one['resource']}": one["check_result"].get("suppress_comment") or ""
        for one in report["results"].get("skipped_checks", [])
    }
    assert [name for name, reason in reasons.items() if len(reason) < 10] == []


def test_tflint(root):
    found = shutil.which("tflint")
    if found is None:
        pytest.skip("tflint is not installed")
    done = subprocess.run(
        [found, "--recursive", f"--config={MODULES / '.tflint.hcl'}"],
        cwd=root.directory,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_nothing_of_terraforms_is_left_in_the_repository():
    left = [one for name in (".terraform", "*.tfstate*", "crash.log") for one in MODULES.rglob(name)]
    assert left == []
    ignored = (MODULES / ".gitignore").read_text()
    assert "*.tfstate" in ignored
    assert ".terraform/" in ignored
