"""What a change of the schema file breaks: the rules behind `iotstream schema check`.

Two sides rely on a schema: *readers* of what was written (SQL over the lake, Timestream's measures,
dashboards), and *devices*, whose messages were taken until now. A change that breaks neither is
compatible. Pure: two schemas in, a list of changes out.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from iotstream.schema import Encoding, Field, Schema, Type

# A reader of the wider type reads files of the narrower one; Athena:
# https://docs.aws.amazon.com/athena/latest/ug/handling-schema-updates-chapter.html
WIDENED = frozenset({(Type.INT32, Type.INT64), (Type.FLOAT32, Type.FLOAT64)})


class Breaks(StrEnum):
    """Whom a change breaks."""

    NOBODY = "nobody"
    READERS = "readers"
    DEVICES = "devices"


class Change(NamedTuple):
    """One difference between two schemas.

    Attributes:
        field: the column, or "" for the schema as a whole.
        key: what changed of it, as in the schema file; "field" where the column itself came or went.
        old, new: the values as text; "" where there is none.
        breaks: whom it breaks.
        detail: what it means, in words.
    """

    field: str
    key: str
    old: str
    new: str
    breaks: Breaks
    detail: str


def changes(old: Schema, new: Schema) -> list[Change]:
    """All differences, in the old schema's order, then the new fields."""
    return [*_schema_changes(old, new), *_field_changes(old, new)]


def compatible(found: list[Change]) -> bool:
    """Whether no change breaks anybody."""
    return all(change.breaks is Breaks.NOBODY for change in found)


def _schema_changes(old: Schema, new: Schema) -> Iterator[Change]:
    if old.name != new.name:
        yield Change("", "name", old.name, new.name, Breaks.NOBODY, "the name is only a label")
    same = old.version == new.version and old.fingerprint != new.fingerprint
    if new.version < old.version or same:
        detail = "raise the version, so that people can tell the two apart"
        yield Change("", "version", str(old.version), str(new.version), Breaks.NOBODY, detail)
    for key, before in vars(old.limits).items():
        after = vars(new.limits)[key]
        if before != after:
            # None is "off": any age.
            tighter = after is not None and (before is None or after < before)
            yield _bound_change("", f"limits.{key}", before, after, tighter)


def _field_changes(old: Schema, new: Schema) -> Iterator[Change]:
    before = {one.name: one for one in old.fields}
    after = {one.name: one for one in new.fields}
    added = [one for one in new.fields if one.name not in before]
    for one in old.fields:
        heir = next((other for other in added if other.source == one.source), None)
        if one.name in after:
            yield from _same_name(one, after[one.name])
        elif heir is None:
            yield Change(one.name, "field", one.name, "", Breaks.READERS, "the column is removed")
        else:
            added.remove(heir)
            detail = f"the column is renamed to {heir.name}: queries for {one.name} find nothing new"
            yield Change(one.name, "name", one.name, heir.name, Breaks.READERS, detail)
            yield from _same_name(one, heir)
    for one in added:
        yield _added(one)
    kept_old = [name for name in before if name in after]
    kept_new = [name for name in after if name in before]
    if kept_old != kept_new:
        detail = "columns are found by name, not by place"
        yield Change("", "field", ", ".join(kept_old), ", ".join(kept_new), Breaks.NOBODY, detail)


def _added(one: Field) -> Change:
    if one.may_be_absent:
        detail = "a new column that messages may lack; files from before hold null"
        return Change(one.name, "field", "", one.name, Breaks.NOBODY, detail)
    detail = "a new required column without a default: messages from before would be rejected"
    return Change(one.name, "field", "", one.name, Breaks.DEVICES, detail)


def _same_name(old: Field, new: Field) -> Iterator[Change]:
    name = old.name
    if old.type is not new.type:
        yield _type_change(old, new)
    if old.role is not new.role:
        detail = "time, dimensions and measures have their own places in Timestream and in queries"
        yield Change(name, "role", old.role, new.role, Breaks.READERS, detail)
    if old.source != new.source:
        detail = "messages hold the value at the old path"
        yield Change(name, "source", ".".join(old.source), ".".join(new.source), Breaks.DEVICES, detail)
    if old.encoding is not new.encoding:
        widened = new.encoding is Encoding.AUTO
        breaks = Breaks.NOBODY if widened else Breaks.DEVICES
        detail = "auto tells texts and numbers apart" if widened else "times written otherwise are rejected"
        yield Change(name, "encoding", old.encoding, new.encoding, breaks, detail)
    yield from _presence_changes(old, new)
    yield from _rule_changes(old, new)
    if old.unit != new.unit:
        # A number without a unit gains a label; one in another unit means something else.
        breaks = Breaks.READERS if old.unit and new.unit else Breaks.NOBODY
        yield Change(name, "unit", old.unit, new.unit, breaks, "the numbers mean something else")
    if old.description != new.description:
        yield Change(name, "description", old.description, new.description, Breaks.NOBODY, "for people")


def _type_change(old: Field, new: Field) -> Change:
    if (old.type, new.type) in WIDENED:
        detail = "wider: readers of the new type read the old files"
        return Change(old.name, "type", old.type, new.type, Breaks.NOBODY, detail)
    return Change(old.name, "type", old.type, new.type, Breaks.READERS, "the column's type is another one")


def _presence_changes(old: Field, new: Field) -> Iterator[Change]:
    if old.may_be_absent and not new.may_be_absent:
        detail = "messages without it were taken, and would be rejected"
        yield _of(old, new, "required" if old.required != new.required else "default", Breaks.DEVICES, detail)
    elif old.nullable != new.nullable and new.nullable:
        detail = "the column may hold nulls from now on"
        yield _of(old, new, "required", Breaks.NOBODY, detail)
    elif old.default != new.default:
        detail = "what stands in for a missing value is another one"
        yield _of(old, new, "default", Breaks.NOBODY, detail)


def _rule_changes(old: Field, new: Field) -> Iterator[Change]:
    if old.lenient != new.lenient:
        breaks = Breaks.DEVICES if old.lenient else Breaks.NOBODY
        yield _of(old, new, "lenient", breaks, "numbers written as strings are taken only when lenient")
    if old.min != new.min:
        tighter = new.min is not None and (old.min is None or new.min > old.min)
        yield _bound_change(old.name, "min", old.min, new.min, tighter)
    for key in ("max", "max_length"):
        before, after = getattr(old, key), getattr(new, key)
        if before != after:
            tighter = after is not None and (before is None or after < before)
            yield _bound_change(old.name, key, before, after, tighter)
    if old.pattern != new.pattern:
        breaks = Breaks.NOBODY if new.pattern is None else Breaks.DEVICES
        yield _of(old, new, "pattern", breaks, "texts that the new pattern isn't found in are rejected")


def _bound_change(field: str, key: str, old: float | None, new: float | None, tighter: bool) -> Change:
    breaks = Breaks.DEVICES if tighter else Breaks.NOBODY
    detail = "tighter: what was taken may be rejected" if tighter else "wider: more is taken than before"
    return Change(field, key, _text(old), _text(new), breaks, detail)


def _of(old: Field, new: Field, key: str, breaks: Breaks, detail: str) -> Change:
    return Change(old.name, key, _text(getattr(old, key)), _text(getattr(new, key)), breaks, detail)


def _text(value: object) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
