"""What the schema file may not say, beyond its form."""

import pytest

import iotstream
from iotstream.errors import SchemaError

HEAD = 'name = "s"\n[[field]]\nname = "t"\ntype = "timestamp"\nrole = "time"\n'


def with_field(kind, text, name="x", role="measure"):
    return f'{HEAD}[[field]]\nname = "{name}"\ntype = "{kind}"\nrole = "{role}"\n{text}\n'


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        ("float64", "default = 5\nmax = 4", "field[x].default = 5.0: at most max, which is 4"),
        ("float64", "default = 5\nmin = 6", "field[x].default = 5.0: at least min, which is 6"),
        ("int32", "default = 5\nmax = 4", "field[x].default = 5: at most max, which is 4"),
        ("string", 'default = "abc"\nmax_length = 2', "field[x].default = 'abc': at most max_length = 2"),
        ("string", 'default = "abc"\npattern = "^x"', "field[x].default = 'abc': what pattern = '^x' finds"),
        ("float32", "default = 1e39", "field[x].default = 1e+39: a value of type float32: a number within"),
        ("int32", "default = 1.5", "field[x].default = 1.5: a value of type int32: a whole number from"),
        ("int64", "default = true", "field[x].default = True: a value of type int64"),
        ("bool", "default = 1", "field[x].default = 1: a value of type bool"),
        ("timestamp", "default = 1", "field[x].default = 1: a timestamp has no default"),
        ("int32", "min = 0.5", "field[x].min = 0.5: a whole number from -2147483648 to 2147483647"),
        ("int64", "max = 9223372036854775808", "field[x].max = 9223372036854775808: a whole number from"),
        ("int32", "max = inf", "field[x].max = inf: a whole number"),
        ("float64", "max = inf", "field[x].max = inf: a number within the range of a float64"),
        ("float64", f"max = 1{'0' * 400}", "a number within the range of a float64"),
        ("float32", "min = -1e39", "field[x].min = -1e+39: a number within the range of a float32"),
        ("string", "lenient = true", "field[x].lenient = True: only for numbers and timestamps"),
        ("bool", "lenient = false", "field[x].lenient = False: only for numbers and timestamps"),
        ("string", "max_length = 0", "field[x].max_length = 0: a whole number from 1"),
        ("string", "max_length = 2.0", "field[x].max_length = 2.0: a whole number from 1"),
        ("string", 'pattern = "(?=x)"', "field[x].pattern = '(?=x)': not a regular expression of RE2"),
        ("string", "pattern = 1", "field[x].pattern = 1: a regular expression"),
        ("float64", "unit = 1", "field[x].unit = 1: text"),
        ("float64", "source = 1", "field[x].source = 1: a dotted path"),
        ("float64", "source = []", "field[x].source = []: a dotted path"),
        ("float64", 'source = ["a", 1]', "field[x].source = ['a', 1]: a dotted path"),
        ("float64", 'encoding = "auto"', "field[x].encoding = 'auto': only for timestamps"),
        ("timestamp", 'encoding = "min"', "field[x].encoding = 'min': one of auto, iso, s, ms, us, ns"),
    ],
)  # fmt: skip
def test_a_rule_that_cannot_be_is_refused(kind, text, message):
    with pytest.raises(SchemaError) as caught:
        iotstream.Schema.parse(with_field(kind, text))
    assert message in str(caught.value)


def test_roles():
    for kind in ("float64", "timestamp"):
        with pytest.raises(SchemaError, match=rf"field\[x\].type = '{kind}': a dimension is"):
            iotstream.Schema.parse(with_field(kind, "", role="dimension"))
    with pytest.raises(SchemaError, match=r"field\[x\].role = 'tag': one of time, dimension, measure"):
        iotstream.Schema.parse(with_field("string", "", role="tag"))


@pytest.mark.parametrize("name", ["T", "Dt", "HOUR", "_" * 129, "1x", "x-y", "x y", "\u00fcber", ""])
def test_names_that_glue_could_not_tell_apart_or_hold(name):
    with pytest.raises(SchemaError, match=r"\.name = "):
        iotstream.Schema.parse(with_field("float64", "", name=name))


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ("max_items = 0", "limits.max_items = 0: a whole number from 1"),
        ("max_items = 1.5", "limits.max_items = 1.5: a whole number from 1"),
        ("max_depth = 0", "limits.max_depth = 0: a whole number from 1 to 256"),
        ("max_record_bytes = true", "limits.max_record_bytes = True: a whole number from 1"),
        ("max_age = 7", "limits.max_age = 7: a duration such as"),
        ('max_ahead = "-1d"', "limits.max_ahead = '-1d': a duration"),
        ('max_ahead = "1.5h"', "limits.max_ahead = '1.5h': a duration"),
        ('max_ahead = "1 h"', "limits.max_ahead = '1 h': a duration"),
    ],
)
def test_limits(limits, message):
    with pytest.raises(SchemaError) as caught:
        iotstream.Schema.parse(HEAD.replace("\n", f"\n[limits]\n{limits}\n", 1))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "ms"),
    [("1500ms", 1500), ("90s", 90_000), ("15m", 900_000), ("24h", 86_400_000), ("0s", 0), ("off", None)],
)
def test_durations(text, ms):
    limits = iotstream.Schema.parse(HEAD.replace("\n", f'\n[limits]\nmax_age = "{text}"\n', 1)).limits
    assert limits.max_age_ms == ms
    assert limits.max_ahead_ms == 900_000


def test_bounds_are_values_of_the_column():
    schema = iotstream.Schema.parse(with_field("float32", "min = 0.1\nmax = 85"))
    assert schema["x"].bounds == (0.10000000149011612, 85.0)
    assert (schema["x"].min, schema["x"].max) == (0.1, 85)
    assert iotstream.Schema.parse(with_field("int32", "min = 2.0"))["x"].bounds == (2, None)
    with pytest.raises(KeyError):
        schema["y"]


def test_a_fingerprint_does_not_depend_on_what_was_asked_before():
    text = with_field("float32", "min = 0.1")
    used, fresh = iotstream.Schema.parse(text), iotstream.Schema.parse(text)
    iotstream.decode([b'{"t":1,"x":1}'], used)
    assert used.fingerprint == fresh.fingerprint
    assert hash(used) == hash(fresh)
    assert used == fresh
