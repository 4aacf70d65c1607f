"""The HTTP calls of a write: many in flight over kept connections, each tried again until it is done.

Shared by the sinks for time series. What a service's answers mean is the sink's own business: it reads them
into an `Answer`.
"""
