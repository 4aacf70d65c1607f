"""Reads the subset of AWS IoT SQL (version 2016-03-23) that this rule engine does.

    SELECT * | item, …   FROM 'filter'   [WHERE condition]

- item: `*`, a path (`a`, `a.b.c`, names in double quotes where need be), a literal (number, 'text',
  true, false, NULL), a function, an expression; `AS name` gives it a name, and everything but `*` and a
  path of one name needs one.
- functions: `topic()`, `topic(n)`, `clientid()`, `timestamp()`, `newuuid()`, `parse_time(pattern, at)` and
  `parse_time(pattern, at, zone)`. Pattern and zone are texts that stand there, in single or, as in AWS's own
  examples, in double quotes; `iotstream.local.rules.times` says what of the patterns is done.
- operators, loosest first: OR; AND; NOT; = <> < <= > >=; + -; * / %; - (sign).

Everything else is refused by its name. Source of the language:
https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-reference.html
"""

from __future__ import annotations

from iotstream.local.broker.topics import is_filter
from iotstream.local.rules.errors import RuleError
from iotstream.local.rules.syntax import (
    Binary,
    Call,
    Expression,
    Item,
    Literal,
    ParseTime,
    Path,
    Scalar,
    Star,
    Statement,
    Unary,
)
from iotstream.local.rules.times import DEFAULT_ZONE, TimePattern, zone_of
from iotstream.local.rules.tokens import Kind, Token, tokens

FUNCTIONS = ("topic", "clientid", "timestamp", "newuuid", "parse_time")
_CONSTANTS: dict[str, Scalar] = {"true": True, "false": False, "null": None}
_RESERVED = {"select", "from", "where", "as", "and", "or", "not", *_CONSTANTS}
_NOT_DONE = {
    "case": "CASE",
    "set": "SET (variables)",
    "in": "IN",
    "is": "IS",
    "like": "LIKE",
    "exists": "EXISTS",
    "limit": "LIMIT",
    "group": "GROUP BY",
    "order": "ORDER BY",
}
_COMPARISONS = {"=", "<>", "<", "<=", ">", ">="}


def parse(sql: str) -> Statement:
    """Read a statement.

    Raises:
        RuleError: it is malformed or outside the subset; the message names what, and where.
    """
    return _Parser(sql).statement()


def parse_expression(text: str) -> Expression:
    """Read one expression by itself, as in a substitution template.

    Raises:
        RuleError: as for `parse`.
    """
    parser = _Parser(text)
    expression = parser.expression()
    parser.expect_end()
    return expression


class _Parser:
    """Recursive descent, one method for each level of precedence."""

    def __init__(self, sql: str) -> None:
        self._sql, self._tokens, self._at = sql, tokens(sql), 0

    def statement(self) -> Statement:
        self._keyword("select")
        items = [self._item()]
        while self._take_symbol(","):
            items.append(self._item())
        self._keyword("from")
        topic_filter = self._topic_filter()
        where = self.expression() if self._take_word("where") else None
        self.expect_end()
        names = [item.name for item in items]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise self._error(f"{twice or '*'!r} is selected twice", self._tokens[0])
        return Statement(tuple(items), topic_filter, where)

    def expression(self) -> Expression:
        left = self._and()
        while self._take_word("or"):
            left = Binary("OR", left, self._and())
        return left

    def expect_end(self) -> None:
        token = self._peek()
        if token.kind is not Kind.END:
            raise self._unexpected(token, "the end")

    def _item(self) -> Item:
        if self._take_symbol("*"):
            return Item(Star(), "")
        start = self._peek()
        value = self.expression()
        if self._take_word("as"):
            return Item(value, self._name())
        if isinstance(value, Path) and len(value.names) == 1:
            return Item(value, value.names[0])
        raise self._error("this needs a name (… AS name)", start)

    def _topic_filter(self) -> str:
        token = self._next()
        if token.kind is not Kind.STRING:
            raise self._unexpected(token, "a topic filter in single quotes")
        if not is_filter(token.text):
            raise self._error(
                f"{token.text!r} is no topic filter: + stands for a whole level, # for the last ones, "
                "within 256 bytes and 7 slashes",
                token,
            )
        return token.text

    def _and(self) -> Expression:
        left = self._not()
        while self._take_word("and"):
            left = Binary("AND", left, self._not())
        return left

    def _not(self) -> Expression:
        if self._take_word("not"):
            return Unary("NOT", self._not())
        return self._comparison()

    def _comparison(self) -> Expression:
        left = self._sum()
        token = self._peek()
        if token.kind is Kind.SYMBOL and token.text in _COMPARISONS:
            self._next()
            return Binary(token.text, left, self._sum())
        if token.text == "!=":
            raise self._error("!= is not in AWS IoT SQL: write <>", token)
        return left

    def _sum(self) -> Expression:
        left = self._product()
        while (operator := self._take_symbol("+", "-")) is not None:
            left = Binary(operator, left, self._product())
        return left

    def _product(self) -> Expression:
        left = self._signed()
        while (operator := self._take_symbol("*", "/", "%")) is not None:
            left = Binary(operator, left, self._signed())
        return left

    def _signed(self) -> Expression:
        if self._take_symbol("-"):
            return Unary("-", self._signed())
        return self._primary()

    def _primary(self) -> Expression:
        token = self._next()
        if token.kind is Kind.NUMBER:
            return Literal(_number(token))
        if token.kind is Kind.STRING:
            return Literal(token.text)
        if token.kind is Kind.SYMBOL and token.text == "(":
            return self._parenthesised()
        if token.kind is Kind.QUOTED:
            return self._path(token.text)
        if token.kind is Kind.WORD:
            return self._from_word(token)
        if token.text in {"[", "{"}:
            raise self._error("arrays and objects as literals are not supported", token)
        if token.text == "*":
            raise self._error("* inside an expression or a function is not supported", token)
        raise self._unexpected(token, "a value")

    def _parenthesised(self) -> Expression:
        if self._peek().text.lower() == "select":
            raise self._error("nested SELECT is not supported", self._peek())
        inner = self.expression()
        token = self._next()
        if token.text != ")" or token.kind is not Kind.SYMBOL:
            raise self._unexpected(token, ")")
        return inner

    def _from_word(self, token: Token) -> Expression:
        word = token.text.lower()
        self._check_supported(token)
        if self._peek().kind is Kind.SYMBOL and self._peek().text == "(":
            return self._call(token)
        if word in _CONSTANTS:
            return Literal(_CONSTANTS[word])
        if word in _RESERVED:
            raise self._unexpected(token, "a value")
        return self._path(token.text)

    def _path(self, first: str) -> Path:
        names = [first]
        while self._take_symbol("."):
            names.append(self._name())
        if self._peek().text == "[":
            raise self._error("an index into an array is not supported", self._peek())
        return Path(tuple(names))

    def _call(self, token: Token) -> Call | ParseTime:
        name = token.text.lower()
        if name not in FUNCTIONS:
            known = ", ".join(FUNCTIONS)
            raise self._error(f"function {token.text}() is not supported; supported are {known}", token)
        self._next()
        if name == "parse_time":
            return self._parse_time()
        argument = self._peek()
        if argument.kind is Kind.NUMBER and name == "topic":
            self._next()
            if not argument.text.isdecimal() or int(argument.text) < 1:
                raise self._error("topic(n) counts levels from 1", argument)
        if not self._take_symbol(")"):
            raise self._unexpected(self._peek(), f"the ) of {name}()")
        number = int(argument.text) if argument.kind is Kind.NUMBER else None
        return Call(name, number)

    def _parse_time(self) -> ParseTime:
        pattern = TimePattern.parse(self._text("a time pattern in quotes"))
        if not self._take_symbol(","):
            raise self._unexpected(self._peek(), "the time that parse_time() writes")
        at = self.expression()
        zone = self._text("a time zone in quotes") if self._take_symbol(",") else DEFAULT_ZONE
        if not self._take_symbol(")"):
            raise self._unexpected(self._peek(), "the ) of parse_time()")
        return ParseTime(pattern, at, zone_of(zone))

    def _text(self, wanted: str) -> str:
        token = self._next()
        if token.kind not in {Kind.STRING, Kind.QUOTED}:
            raise self._unexpected(token, wanted)
        return token.text

    def _name(self) -> str:
        token = self._next()
        if token.kind not in {Kind.WORD, Kind.QUOTED}:
            raise self._unexpected(token, "a name")
        return token.text

    def _keyword(self, word: str) -> None:
        token = self._next()
        if token.kind is not Kind.WORD or token.text.lower() != word:
            self._check_supported(token)
            raise self._unexpected(token, word.upper())

    def _check_supported(self, token: Token) -> None:
        known = _NOT_DONE.get(token.text.lower()) if token.kind is Kind.WORD else None
        if known is not None:
            raise self._error(f"{known} is not supported (a field of that name needs double quotes)", token)

    def _take_word(self, word: str) -> bool:
        token = self._peek()
        found = token.kind is Kind.WORD and token.text.lower() == word
        self._at += found
        return found

    def _take_symbol(self, *symbols: str) -> str | None:
        token = self._peek()
        if token.kind is Kind.SYMBOL and token.text in symbols:
            self._at += 1
            return token.text
        return None

    def _peek(self) -> Token:
        return self._tokens[self._at]

    def _next(self) -> Token:
        token = self._tokens[self._at]
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token

    def _unexpected(self, token: Token, wanted: str) -> RuleError:
        self._check_supported(token)
        found = repr(token.text) if token.kind is not Kind.END else "the end"
        return self._error(f"expected {wanted}, found {found}", token)

    def _error(self, what: str, token: Token) -> RuleError:
        return RuleError(f"SQL: {what}, at character {token.at + 1} of {self._sql!r}")


def _number(token: Token) -> float:
    whole = token.text.isdecimal() and int(token.text) < 2**63
    return int(token.text) if whole else float(token.text)
