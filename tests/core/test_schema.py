import pytest

import iotstream
from iotstream.errors import SchemaError

TIME = '[[field]]\nname = "t"\ntype = "timestamp"\nrole = "time"\n'


def parse(text, head='name = "s"\n'):
    return iotstream.Schema.parse(head + text)


def test_the_default_schema():
    schema = iotstream.Schema.load()
    assert [one.name for one in schema.fields] == ["timestamp", "device_id", "temperature", "humidity"]
    assert schema.time.name == "timestamp"
    assert [one.name for one in schema.dimensions] == ["device_id"]
    assert [one.name for one in schema.measures] == ["temperature", "humidity"]
    assert schema["device_id"].source == ("deviceId",)
    assert schema.limits == iotstream.Limits()


def test_a_file(tmp_path):
    path = tmp_path / "schema.toml"
    path.write_text('name = "s"\nversion = 3\n' + TIME, encoding="utf-8")
    schema = iotstream.Schema.load(path)
    assert (schema.name, schema.version, schema.text) == ("s", 3, path.read_text("utf-8"))
    with pytest.raises(SchemaError, match=r"nothing\.toml' can't be read"):
        iotstream.Schema.load(tmp_path / "nothing.toml")
    path.write_text("name = 1")
    with pytest.raises(SchemaError, match=r"schema\.toml': name = 1"):
        iotstream.Schema.load(path)


def field(text):
    return TIME + f'[[field]]\nname = "x"\ntype = "float64"\nrole = "measure"\n{text}\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("=", "not TOML"),
        ("", "field is missing"),
        ("field = []", "at least one"),
        ("fields = 1\n" + TIME, "fields = 1: no such key"),
        ("version = 0\n" + TIME, "version = 0: a whole number from 1"),
        ("version = true\n" + TIME, "version = True"),
        ("[limits]\nmax_depth = 257\n" + TIME, "limits.max_depth = 257: a whole number from 1 to 256"),
        ('[limits]\nmax_age = "week"\n' + TIME, "limits.max_age = 'week': a duration"),
        ("[limits]\nmax_size = 1\n" + TIME, "limits.max_size = 1: no such key"),
        ('[[field]]\nname = "t"\ntype = "time"\nrole = "time"', "field[t].type = 'time': one of float64"),
        ('[[field]]\nname = "t"\ntype = "timestamp"', "field[t].role is missing"),
        ('[[field]]\ntype = "timestamp"', "field[0].name is missing"),
        ('[[field]]\nname = "a b"\ntype = "bool"\nrole = "measure"', "field[a b].name = 'a b'"),
        ('[[field]]\nname = "dt"\ntype = "bool"\nrole = "measure"', "field[dt].name = 'dt': dt and hour"),
        ('[[field]]\nname = "x"\ntype = "bool"\nrole = "measure"', "exactly one has role"),
        (TIME + TIME.replace('"t"', '"u"'), "exactly one has role"),
        (TIME + TIME, "a name is used once"),
        ('[[field]]\nname = "t"\ntype = "int64"\nrole = "time"', "field[t].role = 'time'"),
        (TIME + "required = false", "field[t].role = 'time'"),
        (field('unit = "°C"\nfoo = 1'), "field[x].foo = 1: no such key"),
        (field('source = ""'), "field[x].source = ''"),
        (field('source = "a..b"'), "field[x].source = 'a..b'"),
        (field('source = "t.x"'), "leads through"),
        (field("max_length = 3"), "field[x].max_length = 3: only for strings"),
        (field('encoding = "s"'), "field[x].encoding = 's': only for timestamps"),
        (field("min = 2\nmax = 1"), "field[x].min = 2: at most max, which is 1"),
        (field("min = nan"), "field[x].min = nan: a number"),
        (field('default = "a"'), "field[x].default = 'a': a value of type float64"),
        (field("required = 1"), "field[x].required = 1: true or false"),
        (TIME + '[[field]]\nname = "d"\ntype = "float64"\nrole = "dimension"', "field[d].type = 'float64'"),
        (
            TIME + '[[field]]\nname = "p"\ntype = "string"\nrole = "dimension"\npattern = "("',
            "field[p].pattern = '('",
        ),
        (
            TIME + '[[field]]\nname = "i"\ntype = "int32"\nrole = "measure"\ndefault = 2147483648',
            "field[i].default",
        ),
        (
            TIME + '[[field]]\nname = "b"\ntype = "bool"\nrole = "measure"\nmin = 1',
            "field[b].min = 1: only for numbers",
        ),
    ],
)
def test_whatever_is_wrong_is_refused_by_key_value_and_what_is_allowed(text, message):
    with pytest.raises(SchemaError) as caught:
        parse(text)
    assert message in str(caught.value)


def test_the_fingerprint_is_of_what_decides():
    plain = parse(field("")).fingerprint
    assert parse("# a comment\n" + field('unit = "°C"\ndescription = "warmth"')).fingerprint == plain
    assert parse(field("max = 3")).fingerprint != plain
    assert parse("[limits]\nmax_items = 5\n" + field("")).fingerprint != plain
    assert len(plain) == 16


def test_nullable_columns():
    schema = parse(field("required = false"))
    assert schema.arrow.field("x").nullable
    assert not schema.arrow.field("t").nullable
    assert not parse(field("required = false\ndefault = 1")).arrow.field("x").nullable
