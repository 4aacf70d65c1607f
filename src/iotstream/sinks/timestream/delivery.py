"""`Delivery`: the calls of one write, many in flight, each tried again until it is done."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator

from iotstream.errors import SinkUnavailable
from iotstream.retry import Backoff
from iotstream.sinks.timestream.answers import Answer, Kind, Refusal
from iotstream.sinks.timestream.request import Body
from iotstream.sinks.timestream.settings import TimestreamSettings

PARKED = 4
"""Bodies held for each call in flight: those that wait for their next try take no call's place."""


class Delivery:
    """One write.

    A throttled call, one that the service failed or that was not answered is sent again after a
    random delay, while the others go on at the same rate: so the service's documentation advises
    (https://docs.aws.amazon.com/timestream/latest/developerguide/data-ingest.html). A call that is
    refused for a record in it is halved until the record is found.

    Args:
        call: sends a body once.
        settings: how many at once, how long.
    """

    def __init__(self, call: Callable[[Body], Awaitable[Answer]], settings: TimestreamSettings) -> None:
        self._call = call
        self._settings = settings
        self._slots = asyncio.Semaphore(settings.in_flight)
        self._backoff = Backoff(base_s=settings.base_s, cap_s=settings.cap_s, deadline_s=settings.deadline_s)
        self._refusals: list[Refusal] = []
        self._last = "no call was answered in that time"

    async def run(self, bodies: Iterator[Body], count: int) -> list[Refusal]:
        """Send them all.

        Args:
            bodies: taken as they can be sent.
            count: about how many there are.

        Returns:
            The points that were not written; all others are.

        Raises:
            SinkUnavailable: the deadline passed, or an answer says that trying again is no use. Some of
                the points may be written; none is under way any more.
        """
        workers = max(1, min(count, PARKED * self._settings.in_flight))
        try:
            async with asyncio.timeout(self._settings.deadline_s), asyncio.TaskGroup() as group:
                for _ in range(workers):
                    group.create_task(self._work(bodies))
        except TimeoutError:
            raise self._too_late() from None
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None
        return self._refusals

    async def _work(self, bodies: Iterator[Body]) -> None:
        for body in bodies:
            await self._deliver(body)

    async def _deliver(self, body: Body) -> None:
        answer = await self._answer(body)
        if answer.kind is Kind.REJECTED:
            self._refusals += [
                Refusal(body.first + one.place, one.reason, one.existing_version) for one in answer.rejected
            ]
        elif answer.kind is Kind.FAULTY and len(body) == 1:
            self._refusals.append(Refusal(body.first, answer.text))
        elif answer.kind is Kind.FAULTY:
            for half in body.halves():
                await self._deliver(half)
        elif answer.kind is not Kind.DONE:
            raise SinkUnavailable(answer.text)

    async def _answer(self, body: Body) -> Answer:
        """The first answer that isn't "again"."""
        delays = self._backoff.delays()
        while True:
            async with self._slots:
                answer = await self._call(body)
            if answer.kind is not Kind.AGAIN:
                return answer
            self._last = answer.text
            # No try may begin after the deadline, which `run` keeps.
            await asyncio.sleep(next(delays, self._settings.deadline_s))

    def _too_late(self) -> SinkUnavailable:
        return SinkUnavailable(f"tried for {self._settings.deadline_s:g} s; the last error: {self._last}")
