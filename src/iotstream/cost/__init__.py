"""What the system costs: usage in, a month's bill out. Pure functions over a dated table of prices."""

from iotstream.cost.bill import Bill, Line
from iotstream.cost.flow import Flow
from iotstream.cost.prices import Prices
from iotstream.cost.services import bill_of
from iotstream.cost.usage import Usage

__all__ = ["Bill", "Flow", "Line", "Prices", "Usage", "bill_of"]
