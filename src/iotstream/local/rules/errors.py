"""What can be wrong with a rule, and what can go wrong with a message in it."""

from __future__ import annotations

from iotstream.errors import ConfigurationError, IotstreamError


class RuleError(ConfigurationError):
    """A rule cannot be taken: it is malformed, or uses what this rule engine does not do."""


class EvaluationError(IotstreamError):
    """A rule's statement has no result for this message, for example a path into what is not JSON."""
