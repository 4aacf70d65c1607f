"""`Delivery`: the calls of one write, many in flight, each tried again until it is done."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Generic, Protocol, TypeVar

from iotstream.errors import SinkUnavailable
from iotstream.retry import Backoff
from iotstream.sinks.calls.answers import Answer, Kind, Refusal

PARKED = 4
"""Bodies held for each call in flight: those that wait for their next try take no call's place."""


class Body(Protocol):
    """What a call sends."""

    @property
    def first(self) -> int:
        """The index of its first point among all points."""
        ...

    def __len__(self) -> int: ...

    def halves(self) -> tuple[Any, Any]:
        """Its first and its second half; there are two points at least."""
        ...


B = TypeVar("B", bound=Body)


class Delivery(Generic[B]):
    """One write.

    A throttled call, one that the service failed or that was not answered is sent again after a
    random delay, or after the one that the service asks for if that is longer, while the others go on at the
    same rate: so Timestream's documentation advises
    (https://docs.aws.amazon.com/timestream/latest/developerguide/data-ingest.html). A call that is
    refused for a point in it is halved until the point is found.

    Args:
        call: sends a body once.
        in_flight: calls under way at once, at most.
        backoff: between the tries of a call; its deadline is that of the whole write.
    """

    def __init__(self, call: Callable[[B], Awaitable[Answer]], *, in_flight: int, backoff: Backoff) -> None:
        self._call = call
        self._in_flight = in_flight
        self._slots = asyncio.Semaphore(in_flight)
        self._backoff = backoff
        self._ends = math.inf
        self._refusals: list[Refusal] = []
        self._last = "no call was answered in that time"

    async def run(self, bodies: Iterator[B], count: int) -> list[Refusal]:
        """Send them all.

        Args:
            bodies: taken as they can be sent.
            count: about how many there are.

        Returns:
            The points that were not written; all others are.

        Raises:
            SinkUnavailable: the deadline passed, or will before the service wants to be asked again, or an
                answer says that trying again is no use. Some of the points may be written; none is under
                way any more.
        """
        workers = max(1, min(count, PARKED * self._in_flight))
        self._ends = asyncio.get_running_loop().time() + self._backoff.deadline_s
        try:
            async with asyncio.timeout_at(self._ends), asyncio.TaskGroup() as group:
                for _ in range(workers):
                    group.create_task(self._work(bodies))
        except TimeoutError:
            raise self._too_late() from None
        except BaseExceptionGroup as errors:
            raise _first(errors) from None
        return self._refusals

    async def _work(self, bodies: Iterator[B]) -> None:
        for body in bodies:
            await self._deliver(body)

    async def _deliver(self, body: B) -> None:
        answer = await self._answer(body)
        if answer.kind is Kind.REJECTED:
            self._refusals += [
                Refusal(body.first + one.place, one.reason, one.existing_version) for one in answer.rejected
            ]
        elif answer.kind is Kind.FAULTY and len(body) == 1:
            self._refusals.append(Refusal(body.first, answer.text))
        elif answer.kind is Kind.FAULTY:
            async with asyncio.TaskGroup() as group:
                for half in body.halves():
                    group.create_task(self._deliver(half))
        elif answer.kind is not Kind.DONE:
            raise SinkUnavailable(answer.text)

    async def _answer(self, body: B) -> Answer:
        """The first answer that isn't "again"."""
        delays = self._backoff.delays()
        while True:
            async with self._slots:
                answer = await self._call(body)
            if answer.kind is not Kind.AGAIN:
                return answer
            self._last = answer.text
            wait = answer.retry_after_s
            if wait and asyncio.get_running_loop().time() + wait > self._ends:
                raise SinkUnavailable(f"{answer.text} (it asks to wait for {wait:g} s)")
            # No try may begin after the deadline, which `run` keeps.
            await asyncio.sleep(max(next(delays, self._backoff.deadline_s), wait))

    def _too_late(self) -> SinkUnavailable:
        return SinkUnavailable(f"tried for {self._backoff.deadline_s:g} s; the last error: {self._last}")


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first error; halves are delivered in groups within groups."""
    one = errors.exceptions[0]
    return _first(one) if isinstance(one, BaseExceptionGroup) else one
