"""Dependabot and pre-commit point at what is there."""

import shutil
import subprocess
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
NEEDS = {
    "github-actions": ".github/workflows",
    "uv": "uv.lock",
    "cargo": "Cargo.toml",
    "terraform": "versions.tf",
    "docker": "Dockerfile",
}


def load(name):
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def test_dependabot_watches_each_kind_of_dependency_where_it_is():
    updates = load(".github/dependabot.yml")["updates"]
    assert {one["package-ecosystem"] for one in updates} == set(NEEDS)
    for one in updates:
        assert (ROOT / one["directory"].strip("/") / NEEDS[one["package-ecosystem"]]).exists(), one


def test_pre_commit_is_pinned_and_its_own_hooks_are_the_projects_tools():
    repositories = load(".pre-commit-config.yaml")["repos"]
    assert all(len(one["rev"]) == 40 for one in repositories if one["repo"] != "local")
    (own,) = [one["hooks"] for one in repositories if one["repo"] == "local"]
    entries = {hook["id"]: hook["entry"].split() for hook in own}
    assert {"ruff-check", "ruff-format", "cargo-fmt", "terraform-fmt"} <= set(entries)
    assert all(
        (ROOT / word).exists() for words in entries.values() for word in words if word.startswith("native")
    )


def test_ruff_takes_the_hooks_options():
    ruff = shutil.which("ruff", path=ROOT / ".venv" / "bin") or shutil.which("ruff")
    (own,) = [one["hooks"] for one in load(".pre-commit-config.yaml")["repos"] if one["repo"] == "local"]
    for hook in own:
        if hook["id"].startswith("ruff"):
            # On this file, which is clean, and without changing it.
            arguments = [*hook["entry"].replace("--fix", "--no-fix").split()[1:], __file__]
            done = subprocess.run([ruff, *arguments, "--diff"], capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr
