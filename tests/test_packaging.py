"""What the package declares is what it uses, and each extra stands alone."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NAMES = {"paho-mqtt": "paho", "prometheus-client": "prometheus_client"}


def declared(*extras):
    lines = list(PROJECT["dependencies"])
    for extra in extras:
        lines += PROJECT["optional-dependencies"][extra]
    names = {re.match(r"[A-Za-z0-9_-]+", line)[0] for line in lines} - {"iotstream"}
    return {NAMES.get(name, name) for name in names}


def imported(*places):
    found = set()
    for place in places:
        for path in (ROOT / place).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    found |= {alias.name.partition(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    found.add(node.module.partition(".")[0])
    return found - sys.stdlib_module_names - {"iotstream"}


def test_every_dependency_of_the_package_is_declared_and_used():
    # boto3 brings botocore, moto brings werkzeug; of amazon_kclpy only the jars are used. The kernel is a
    # distribution of its own (native/), which nothing requires.
    used = imported("src") - {"botocore", "werkzeug", "iotstream_native"} | {"amazon_kclpy"}
    assert used == declared("aws", "cli", "simulate", "local", "kcl", "direct")


def test_the_handlers_need_no_more_than_the_lambdas_artefact_holds():
    modules = "kinesis_lambda, firehose_transform"
    code = f"import sys; sys.path.insert(0, 'handlers'); import {modules}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    others = declared("simulate", "local", "dev", "athena", "kcl", "direct") - declared("aws")
    assert loaded & others == set()
