"""The report: one HTML page with charts of the telemetry and of the pipeline, readable offline."""

from iotstream.report.data import Answer, ReportData, Sample, Stage
from iotstream.report.page import render

__all__ = ["Answer", "ReportData", "Sample", "Stage", "render"]
