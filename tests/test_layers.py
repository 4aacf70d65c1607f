"""Imports point one way: what a module may import stands in a row above it."""

import ast
from pathlib import Path

import iotstream

PACKAGE = Path(iotstream.__file__).parent
LAYERS = [
    {"_native", "errors", "position", "retry", "aws_region"},
    {"rejects", "records"},
    {"schema", "_schema_file"},
    {"schema_changes", "schema_exports", "unpack", "_times"},
    {"_values"},
    {"_reference", "_columns", "validate", "decoded"},
    {"_outcomes"},
    {"_python_decoder"},
    {"_kernel_decoder"},
    {"decode"},
    {"batch", "partition", "row_hash", "manifest"},
    {"sinks", "journal", "stream_calls"},
    {"stream_reader", "ownership"},
    {"pipeline", "emf", "testing"},
    {"shard_lake"},
    {"recovery"},
    {"_settings_base", "settings", "logs"},
    {"assembly"},
    {"audit", "backfill"},
    {"sources"},
    {"catalog", "cost", "lake", "timestream_query", "simulate", "report"},
    {"local"},
    {"demo"},
    {"cli"},
    {"__main__"},
]
ROW = {name: row for row, names in enumerate(LAYERS) for name in names}
CORE = {name for names in LAYERS[:11] for name in names}


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def modules():
    for path in sorted(PACKAGE.rglob("*.py")):
        relative = path.relative_to(PACKAGE)
        yield relative.parts[0].removesuffix(".py"), path


def test_every_module_has_its_layer():
    assert {name for name, _ in modules()} - {"__init__"} <= set(ROW)


def test_imports_point_downward():
    wrong = []
    for name, path in modules():
        if name == "__init__":
            continue
        for imported in imports(path):
            top, _, rest = imported.partition(".")
            other = rest.partition(".")[0]
            if top != "iotstream" or not other or other == name:
                continue
            # The schema file's parser is the one part that its own layer calls.
            if ROW[other] > ROW[name]:
                wrong.append(f"{path.relative_to(PACKAGE)} imports {imported}")
    assert wrong == []


def test_the_core_knows_no_runtime():
    known = {name for name, path in modules() if name in CORE}
    assert known == CORE
    foreign = {
        (name, imported.partition(".")[0])
        for name, path in modules()
        if name in CORE
        for imported in imports(path)
        if imported.partition(".")[0]
        in {"boto3", "botocore", "obstore", "aiohttp", "duckdb", "typer", "logging"}
    }
    assert foreign == set()
