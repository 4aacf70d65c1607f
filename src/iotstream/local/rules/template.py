"""Substitution templates: text with `${expression}` in it.

Source: https://docs.aws.amazon.com/iot/latest/developerguide/iot-substitution-templates.html
"""

from __future__ import annotations

from dataclasses import dataclass

from iotstream.local.rules.errors import RuleError
from iotstream.local.rules.evaluate import Context, as_text, evaluate
from iotstream.local.rules.parser import parse_expression
from iotstream.local.rules.syntax import Expression


@dataclass(frozen=True)
class Template:
    """A template, read once.

    Attributes:
        source: as it was written.
        parts: texts and expressions, in order.
    """

    source: str
    parts: tuple[str | Expression, ...]

    @classmethod
    def parse(cls, source: str) -> Template:
        """Read a template.

        Raises:
            RuleError: an expression is malformed, or a `${` is not closed.
        """
        parts: list[str | Expression] = []
        rest = source
        while rest:
            text, opened, rest = rest.partition("${")
            if text:
                parts.append(text)
            if opened:
                inner, closed, rest = rest.partition("}")
                if not closed:
                    raise RuleError(f"template {source!r}: a ${{ has no }}")
                parts.append(parse_expression(inner))
        return cls(source, tuple(parts))

    def render(self, context: Context) -> str:
        """The text for a message; an Undefined value leaves nothing."""
        texts = (part if isinstance(part, str) else as_text(evaluate(part, context)) for part in self.parts)
        return "".join(texts)
