"""The span journal: `iotstream.journal.base` is the contract."""
