"""What is seen while the demo runs."""

from __future__ import annotations

import io

from rich.console import Console

from iotstream.demo.view import LiveView, PlainView, Snapshot


def snapshot(elapsed, **counts):
    return Snapshot(elapsed_s=elapsed, phase="devices publish", share=0.5, **counts)


def test_plain_lines_come_every_two_seconds_and_not_more_often():
    out = io.StringIO()
    view = PlainView(out)
    for tenth in range(41):
        view.update(snapshot(tenth / 10, acknowledged=tenth * 100, rejects=tenth))
    lines = out.getvalue().splitlines()
    assert [line.split()[0] for line in lines] == ["0.0", "2.0", "4.0"]
    assert "published 4,000" in lines[-1]
    assert "rejects 40" in lines[-1]


def test_the_live_table_shows_totals_rates_and_the_commonest_reasons():
    console = Console(file=io.StringIO(), force_terminal=True, width=120)
    view = LiveView(console, "a demo")
    try:
        view.update(snapshot(1.0, published=100, acknowledged=100))
        reasons = {"missing": 9, "null": 5, "[bold]odd": 4, "not_json": 3, "empty": 2, "too_deep": 1}
        last = snapshot(2.0, published=450, acknowledged=400, failed=7, rejects=24, reasons=reasons)
        view.update(last)
        plain = Console(file=io.StringIO(), width=120)
        plain.print(view.draw(last))
    finally:
        view.close()
    lines = plain.file.getvalue().splitlines()
    devices = next(line for line in lines if "Devices" in line)
    assert "400" in devices
    assert "300" in devices, "400 - 100 within one second"
    assert "50 in flight" in devices
    assert any("7 to the error action" in line for line in lines)
    letters = next(line for line in lines if "Dead letters" in line)
    assert "missing 9, null 5, [bold]odd 4, not_json 3, 2 more reasons" in letters
