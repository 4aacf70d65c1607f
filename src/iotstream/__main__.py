"""`python -m iotstream` is the command `iotstream`."""

from iotstream.cli import main

main()
