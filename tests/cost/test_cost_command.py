"""The command: tables, JSON, Markdown, a page; and the pages of docs that are its output."""

import json

import cost_pages
import pytest
from typer.testing import CliRunner

from iotstream.cli.app import app
from iotstream.cost import Usage, bill_of
from iotstream.errors import ConfigurationError


def run(*arguments):
    return CliRunner().invoke(app, ["cost", *arguments], env={"COLUMNS": "200", "TERM": "dumb"})


def test_a_bill_by_service_beside_the_originals():
    done = run("--messages-per-day", "1000000")
    assert done.exit_code == 0
    assert "driven by" in done.stdout
    assert "47.54" in done.stdout
    assert "Timestream for InfluxDB *" in done.stdout
    assert "* Timestream for InfluxDB: not confirmed: influxdb.vcpu_hour" in done.stdout
    assert "read on 2026-" in done.stdout


def test_json_is_the_bill():
    done = run("--messages-per-second", "50", "--rows-per-record", "10", "--consumer", "ecs", "--json")
    answer = json.loads(done.stdout)
    bill = bill_of(Usage(messages_per_day=50 * 86_400, rows_per_record=10, consumer="ecs"))
    assert answer["total"] == pytest.approx(bill.total)
    assert {one["service"]: one["dollars"] for one in answer["services"]} == pytest.approx(bill.services)
    assert sum(one["share"] for one in answer["services"]) == pytest.approx(1)
    lines = [line for one in answer["services"] for line in one["lines"]]
    assert sum(line["dollars"] for line in lines) == pytest.approx(bill.total)
    assert answer["usage"]["consumer"] == "ecs"
    assert sum(one["claimed"] for one in answer["original"]) == pytest.approx(47.54)
    assert "influxdb.vcpu_hour" in answer["unconfirmed"]
    assert answer["tables"] == []


def test_json_holds_the_tables_that_were_asked_for():
    answer = json.loads(run("--compare", "--capacity", "--json").stdout)
    titles = [table["title"] for table in answer["tables"]]
    assert titles[0].startswith("Packing")
    assert "What it takes" in titles
    assert all(set(row) for table in answer["tables"] for row in table["rows"])


def test_a_service_with_confirmed_prices_has_no_star():
    done = run("--ingest", "producer", "--tsdb", "none")
    assert "*" not in done.stdout.partition("The original's estimate")[0]


def test_a_page_with_a_chart(tmp_path):
    file = tmp_path / "cost.html"
    assert run("--html", str(file), "--compare").exit_code == 0
    text = file.read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>")
    assert "<svg" in text
    assert "Packing: rows a record" in text
    assert "http" not in text.partition("</style>")[2].partition("<section>")[0]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--tsdb", "postgres"], "tsdb is 'postgres'"),
        (["--messages-per-day", "1", "--messages-per-second", "1"], "give one"),
        (["--messages-per-second", "-1"], "messages_per_day"),
    ],
)
def test_wrong_use_names_the_option_and_what_is_allowed(arguments, said):
    error = run(*arguments).exception
    assert isinstance(error, ConfigurationError)
    assert said in str(error)


@pytest.mark.parametrize("page", cost_pages.PAGES, ids=lambda page: page.name)
def test_the_pages_are_what_the_command_prints(page):
    """If this fails: `python tests/cost/cost_pages.py`."""
    found = cost_pages.parts(page)
    assert found
    for command, text in found:
        assert text == cost_pages.printed(command), command
