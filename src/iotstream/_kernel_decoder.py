"""The decoder by the compiled kernel, with the same answers as the pure Python one, several times as fast.

The kernel takes what the reference would take, and rejects what the reference would reject, for the same
reason; a record of any other kind it leaves undecided, and the reference reads it. What a reject's detail
says is the reference's too, made when somebody looks at it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from iotstream._columns import pieces
from iotstream._native import native
from iotstream._outcomes import Outcome, Places, extra_fields, mask, shifted, split, text_of, with_rows
from iotstream._python_decoder import CHUNK_RECORDS
from iotstream._reference import Bad, Known, Row, read_item, read_record
from iotstream.decoded import Decoded
from iotstream.records import Column
from iotstream.rejects import Reason, Reject, Rejects
from iotstream.schema import Role, Schema

_REASONS = {str(reason): reason for reason in Reason}
_INDEXES = pa.array(range(CHUNK_RECORDS), pa.int32())
_ZEROS = pa.array([0] * CHUNK_RECORDS, pa.int32())
_INT64_BYTES = 8
_UNKNOWN = -(2**63)
"""Says to the kernel that an arrival is not known."""


class KernelDecoder:
    """Decodes chunks of payloads by one schema.

    Raises:
        RuntimeError: the kernel is not installed.
    """

    def __init__(self, schema: Schema) -> None:
        if native is None:
            raise RuntimeError("the compiled kernel is not installed: pip install iotstream-native")
        self._schema = schema
        self._decoder = native.Decoder(_fields(schema), vars(schema.limits))
        self._patterns = [
            (index, one.pattern) for index, one in enumerate(schema.fields) if one.pattern is not None
        ]

    def decode(
        self, payloads: Sequence[bytes], arrival_ms: pa.Int64Array | None, *, offset: int = 0
    ) -> Decoded:
        """Decode a chunk.

        Args:
            payloads: n payloads, at most `CHUNK_RECORDS`; none is a KPL aggregate.
            arrival_ms: int64, n: when each arrived; None where it is unknown.
            offset: added to the index of each record.
        """
        arrivals = None if arrival_ms is None else _numbers(arrival_ms.fill_null(_UNKNOWN))
        if isinstance(payloads, Column):
            chunk = self._decoder.decode_column(*payloads.buffers, arrivals)
        else:
            chunk = self._decoder.decode(payloads, arrivals)
        work = _Work(self._schema, payloads, arrival_ms, chunk)
        for index, pattern in self._patterns:
            work.keep(pc.match_substring_regex(work.columns[index], pattern))
        rows, rejects = work.outcomes(offset)
        columns, places = with_rows(self._schema, work.columns, work.places, rows)
        return Decoded(
            data=pa.RecordBatch.from_arrays(columns, schema=self._schema.arrow),
            rejects=rejects,
            record=shifted(places.record, offset),
            item=places.item,
            extra_fields=extra_fields(payloads, self._schema, offset),
        )


class _Work:
    """A chunk on its way: what the kernel made of it, and what the reference has still to say."""

    def __init__(
        self, schema: Schema, payloads: Sequence[bytes], arrival_ms: pa.Int64Array | None, chunk: Any
    ) -> None:
        self._schema, self._payloads, self._arrival_ms, self._chunk = schema, payloads, arrival_ms, chunk
        self.columns = [
            _column(one.arrow_type, chunk.rows, *buffers)
            for one, buffers in zip(schema.fields, chunk.columns, strict=True)
        ]
        if chunk.record is None:
            self.places = Places(_INDEXES[: chunk.rows], _ZEROS[: chunk.rows])
        else:
            int32 = pa.int32()
            self.places = Places(
                _column(int32, chunk.rows, None, chunk.record), _column(int32, chunk.rows, None, chunk.item)
            )
        self._read: list[Outcome] = [
            (record, number, outcome)
            for record in chunk.undecided
            for number, outcome in enumerate(self._record(payloads[record], record))
        ]

    def keep(self, fits: pa.BooleanArray) -> None:
        """Leave the rows that do not fit to the reference; null fits."""
        lost = pc.indices_nonzero(pc.invert(fits)).to_pylist()
        if not lost:
            return
        places = [one.take(pa.array(lost)).to_pylist() for one in (self.places.record, self.places.item)]
        for record, group in groupby(zip(*places, strict=True), key=itemgetter(0)):
            self._read += self._items(record, [number for _, number in group])
        rest = mask(len(fits), lost)
        self.columns = [column.filter(rest) for column in self.columns]
        self.places = Places(self.places.record.filter(rest), self.places.item.filter(rest))

    def outcomes(self, offset: int) -> tuple[list[Outcome], Rejects]:
        """The rows that the reference found, and all rejects."""
        chunk = self._chunk
        reasons = [_REASONS[code] for code in chunk.reject_reason]
        if not self._read:
            return [], Rejects.later(reasons, lambda: self._rejects(offset))
        self._read.sort(key=lambda one: one[:2])
        rows, rejects = split(self._read, offset)
        if not rejects:
            return rows, Rejects.later(reasons, lambda: self._rejects(offset))
        places = [
            *zip((record + offset for record in chunk.reject_record), chunk.reject_item, strict=True),
            *(one[:2] for one in rejects),
        ]
        reasons += [one.reason for one in rejects]
        order = sorted(range(len(places)), key=places.__getitem__)
        return rows, Rejects.later(
            [reasons[index] for index in order],
            lambda: map([*self._rejects(offset), *rejects].__getitem__, order),
        )

    def _rejects(self, offset: int) -> Iterator[Reject]:
        """The kernel's, each with the detail that the reference gives."""
        chunk = self._chunk
        last, found = -1, []
        for record, number, code, index, own in zip(
            chunk.reject_record,
            chunk.reject_item,
            chunk.reject_reason,
            chunk.reject_field,
            chunk.reject_payload,
            strict=True,
        ):
            payload = self._payloads[record] if own is None else own
            # Where the text is broken the detail counts characters from the record's beginning.
            if own is None or code == Reason.NOT_JSON:
                if record != last:
                    last, found = record, self._record(self._payloads[record], record)
                outcome = found[number]
            else:
                outcome = read_item(own, self._schema, self._arrival(record), own)
            detail = outcome.fault.detail if isinstance(outcome, Bad) else ""
            name = "" if index < 0 else self._schema.fields[index].name
            yield Reject(record + offset, number, _REASONS[code], name, detail, payload)

    def _items(self, record: int, numbers: list[int]) -> Iterator[Outcome]:
        """What the reference says of some of a record's items; only they are read where a line is an item."""
        payload, arrival = self._payloads[record], self._arrival(record)
        found = pieces(text_of(payload, self._schema))
        outcomes = None if len(found) > 1 else self._record(payload, record)
        for number in numbers:
            if outcomes is None:
                yield record, number, read_item(found[number], self._schema, arrival, found[number])
            else:
                yield record, number, outcomes[number]

    def _record(self, payload: bytes, record: int) -> list[Row | Bad]:
        outcomes = read_record(payload, self._schema, self._arrival(record))
        return [outcome for outcome in outcomes if not isinstance(outcome, Known)]

    def _arrival(self, record: int) -> int | None:
        return None if self._arrival_ms is None else self._arrival_ms[record].as_py()


def _fields(schema: Schema) -> list[dict[str, Any]]:
    """The fields as the kernel knows them."""
    return [
        {
            "name": one.name,
            "source": list(one.source),
            "type": str(one.type),
            "time": one.role is Role.TIME,
            "encoding": str(one.encoding),
            "optional": one.may_be_absent,
            "nullable": one.nullable,
            "default": one.default,
            "lenient": one.lenient,
            "min": low,
            "max": high,
            "max_length": one.max_length,
            "pattern": one.pattern is not None,
        }
        for one in schema.fields
        for low, high in [one.bounds]
    ]


def _column(kind: pa.DataType, rows: int, validity: Any, values: Any, data: Any = None) -> pa.Array:
    buffers = [None if validity is None else pa.py_buffer(validity), pa.py_buffer(values)]
    if data is not None:
        buffers.append(pa.py_buffer(data))
    return pa.Array.from_buffers(kind, rows, buffers)


def _numbers(column: pa.Int64Array) -> pa.Buffer:
    """The memory of its values."""
    return column.buffers()[1].slice(column.offset * _INT64_BYTES, len(column) * _INT64_BYTES)
