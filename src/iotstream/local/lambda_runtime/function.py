"""A function: as many execution environments as are invoked at once, started anew when one is lost."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from iotstream.local.lambda_runtime.environment import Environment, FunctionConfiguration, InvokeResult

MAX_PAYLOAD_BYTES = 6 * 1024 * 1024
"""https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: synchronous, each way."""


class LambdaFunction:
    """Invokes a handler through the real runtime interface client.

    Args:
        handler: `module.function`.
        task_root: the directory that holds the module.
        name: of the function.
        environment: the function's variables.
        timeout_s: of an invocation, 1 to 900 seconds in Lambda.
        memory_mb: told to the function; not enforced here.
        concurrency: environments at most.
        on_log: takes each line that the function prints.
    """

    def __init__(
        self,
        *,
        handler: str,
        task_root: Path,
        name: str = "transform-function",
        environment: Mapping[str, str] | None = None,
        timeout_s: float = 60.0,
        memory_mb: int = 512,
        concurrency: int = 1,
        on_log: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._configuration = FunctionConfiguration(
            handler=handler,
            task_root=task_root,
            name=name,
            environment=environment or {},
            timeout_s=timeout_s,
            memory_mb=memory_mb,
            on_log=on_log,
        )
        self._idle: queue.LifoQueue[Environment | None] = queue.LifoQueue()
        for _ in range(concurrency):
            self._idle.put(None)
        self._lock = threading.Lock()
        self._alive: set[Environment] = set()

    def invoke(self, event: bytes) -> InvokeResult:
        """Invoke the handler; wait for a free environment first.

        Raises:
            ValueError: the event is larger than `MAX_PAYLOAD_BYTES`.
        """
        if len(event) > MAX_PAYLOAD_BYTES:
            raise ValueError(f"event of {len(event)} bytes, at most {MAX_PAYLOAD_BYTES}")
        environment = self._idle.get()
        try:
            if environment is not None and not environment.alive:
                # It ended between two invocations: the event is not to blame.
                self._end(environment)
                environment = None
            if environment is None:
                environment = self._start()
            result = environment.invoke(event)
            if len(result.payload) > MAX_PAYLOAD_BYTES:
                result = _too_large(result)
            if not environment.usable:
                self._end(environment)
                environment = None
        finally:
            self._idle.put(environment)
        return result

    def close(self) -> None:
        """End all environments."""
        for environment in list(self._alive):
            self._end(environment)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _start(self) -> Environment:
        environment = Environment(self._configuration)
        with self._lock:
            self._alive.add(environment)
        return environment

    def _end(self, environment: Environment) -> None:
        with self._lock:
            self._alive.discard(environment)
        environment.close()


def _too_large(result: InvokeResult) -> InvokeResult:
    message = f"Response payload size exceeded maximum allowed payload size ({MAX_PAYLOAD_BYTES} bytes)."
    body = f'{{"errorMessage":"{message}","errorType":"Function.ResponseSizeTooLarge"}}'.encode()
    return InvokeResult(
        payload=body,
        function_error="Unhandled",
        duration_s=result.duration_s,
        init_s=result.init_s,
        log=result.log,
    )
