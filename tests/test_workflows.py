"""The workflows: least permissions, no stored keys, pinned actions, targets that exist, whole scripts."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
MAY_WRITE = {
    ("terraform.yml", "plan"): {"id-token", "pull-requests"},
    ("terraform.yml", "apply"): {"id-token"},
    ("release.yml", "release"): {"contents", "id-token", "attestations"},
}
PINNED = re.compile(r"uses: (?:\./\S+|[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+)$")

pytestmark = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)


def load(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def jobs(path):
    return load(path)["jobs"]


def steps(path):
    for name, job in jobs(path).items():
        for step in job.get("steps", []):
            yield name, step


def scripts(path):
    return [(name, step["run"]) for name, step in steps(path) if "run" in step]


def test_permissions_are_to_read_and_each_that_writes_is_named_here(path):
    assert load(path)["permissions"] == {"contents": "read"}
    for name, job in jobs(path).items():
        granted = job.get("permissions", {})
        assert isinstance(granted, dict), name
        writing = {what for what, how in granted.items() if how == "write"}
        assert writing == MAY_WRITE.get((path.name, name), set()), name


def test_no_key_is_stored(path):
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"secrets\.(?!GITHUB_TOKEN)", text)
    assert "aws-access-key-id" not in text
    assert "aws-secret-access-key" not in text
    assert "pull_request_target" not in text


def test_roles_are_taken_on_in_an_environment_only(path):
    for name, step in steps(path):
        if step.get("uses", "").startswith("aws-actions/configure-aws-credentials@"):
            assert jobs(path)[name]["environment"] in {"plan", "production"}
            assert jobs(path)[name]["permissions"]["id-token"] == "write"


def test_actions_are_pinned_by_digest_with_their_version_beside(path):
    lines = [line.strip().removeprefix("- ") for line in path.read_text(encoding="utf-8").splitlines()]
    found = [line for line in lines if line.startswith("uses:")]
    assert found
    assert [line for line in found if not PINNED.match(line)] == []


def test_one_action_has_one_digest(path):
    everywhere = "".join(one.read_text(encoding="utf-8") for one in WORKFLOWS)
    digests = dict(re.findall(r"uses: ([\w./-]+)@(\w+)", everywhere))
    for action, digest in re.findall(r"uses: ([\w./-]+)@(\w+)", path.read_text(encoding="utf-8")):
        assert digest == digests[action], action


def test_local_workflows_are_there_and_may_be_called(path):
    for name, job in jobs(path).items():
        if used := job.get("uses"):
            called = load(ROOT / used)
            # YAML reads the key `on` as true.
            assert "workflow_call" in called[True], name


def test_make_targets_exist(path):
    targets = set(re.findall(r"^\.PHONY: (\S+)$", MAKEFILE, re.MULTILINE))
    called = {word for _, script in scripts(path) for word in re.findall(r"\bmake ([a-z][a-z-]*)", script)}
    assert called <= targets, called - targets


def test_scripts_are_bash(path):
    assert load(path)["defaults"]["run"]["shell"] == "bash"
    for name, script in scripts(path):
        done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (name, done.stderr)


def test_no_expression_is_pasted_into_a_script(path):
    """A title or a branch's name would be run: values come by the environment."""
    assert [(name, script) for name, script in scripts(path) if "${{" in script] == []


def test_no_job_runs_for_ever_or_leaves_the_token_behind(path):
    for name, job in jobs(path).items():
        assert "uses" in job or job["timeout-minutes"] <= 150, name
    for name, step in steps(path):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False, name
