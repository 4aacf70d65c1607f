"""What blocks (decoding, sinks, the journal) runs in threads, beside the event loop."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def in_thread(call: Callable[[], T]) -> T:
    """Run a call in a thread of its own and wait for it.

    The thread does not keep the process alive: a sink that hangs must not hold up a stop beyond its time.
    It is started each time, since what runs takes milliseconds and is called a few times a second.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def work() -> None:
        try:
            result = call()
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits
            _settle(loop, future, functools.partial(future.set_exception, error))
        else:
            _settle(loop, future, functools.partial(future.set_result, result))

    threading.Thread(target=work, daemon=True).start()
    return await future


def _settle(loop: asyncio.AbstractEventLoop, future: asyncio.Future[T], settle: Callable[[], None]) -> None:
    def unless_given_up() -> None:
        if not future.done():
            settle()

    try:
        loop.call_soon_threadsafe(unless_given_up)
    except RuntimeError:
        # The loop is closed: nobody waits any more.
        return
