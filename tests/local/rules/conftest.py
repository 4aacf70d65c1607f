"""The rules' tests use the brokers of the brokers' tests."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "broker"))

from brokers import broker

__all__ = ["broker"]
