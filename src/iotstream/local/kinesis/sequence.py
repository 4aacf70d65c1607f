"""Sequence numbers: one large integer, made up like the service's.

From the highest bits: the digit 2; 36 bits, second in which the shard was made; 4 bits, the shard's index;
64 bits, the record's index in the shard; 8 bits of zero; 36 bits, second of arrival; 32 bits, the shard's
index; the digit 2. Printed in decimal that has 56 digits. A child shard is made at least one second after its
parents, so all of its numbers are above all of theirs.

The lay-out isn't documented by AWS; it was worked out by others from real streams
(github.com/mhart/kinesalite, db/index.js). Nothing may rely on more than the order.
"""

from __future__ import annotations

from typing import Final

_MARK: Final = 2 << 184
_CREATED: Final = 148
_INDEX_LOW: Final = 144
_RECORD: Final = 80
_ARRIVED: Final = 36
_INDEX: Final = 4
_VERSION: Final = 2
_LAST_RECORD: Final = 2**63 - 1
_SECONDS_MASK: Final = 2**36 - 1


def base(shard_index: int, created: int) -> int:
    """What all numbers of a shard have in common."""
    low = (shard_index & 0xF) << _INDEX_LOW
    return _MARK | (created << _CREATED) | low | (shard_index << _INDEX) | _VERSION


def number(shard_base: int, record_index: int, arrived: int) -> int:
    """The number of a shard's n-th record, arrived in that second; 0 stands for the shard's start."""
    return shard_base + (record_index << _RECORD) + (arrived << _ARRIVED)


def end(shard_base: int, closed: int) -> int:
    """The ending sequence number of a shard closed in that second: above all of its records."""
    return number(shard_base, _LAST_RECORD, closed)


def created_second(sequence_number: int) -> int:
    """The second in which the shard of this sequence number was made."""
    return (sequence_number >> _CREATED) & _SECONDS_MASK
