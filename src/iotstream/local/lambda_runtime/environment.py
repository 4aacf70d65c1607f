"""One execution environment: a process of the runtime, one invocation at a time."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from iotstream.local.lambda_runtime import launcher
from iotstream.local.lambda_runtime.api import Answer, Invocation, RuntimeApi

LOCAL_INIT_TIMEOUT_S = 60.0
"""Lambda allows the init phase 10 s; that a shared machine is slower is no fault of the function."""
TAIL_LINES = 40
_POLL_S = 0.05
_LOG_TIMEOUT_S = 5.0


@dataclass(frozen=True, kw_only=True)
class FunctionConfiguration:
    """What Lambda knows of a function.

    Attributes:
        handler: `module.function`.
        task_root: the directory that holds the module.
        name, region, account, memory_mb: as in the function's ARN and its variables.
        timeout_s: of an invocation.
        environment: its own variables; of this process's only what a program needs to start is passed on.
        on_log: takes each line that the function prints.
    """

    handler: str
    task_root: Path
    name: str = "transform-function"
    region: str = "us-east-1"
    account: str = "123456789012"
    memory_mb: int = 512
    timeout_s: float = 60.0
    environment: Mapping[str, str] = field(default_factory=dict)
    on_log: Callable[[str], None] = lambda _: None

    @property
    def arn(self) -> str:
        """The function's ARN."""
        return f"arn:aws:lambda:{self.region}:{self.account}:function:{self.name}"

    def variables(self, port: int) -> dict[str, str]:
        """The process's environment, as Lambda sets it.

        https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
        """
        passed_on = (
            "PATH",
            "HOME",
            "LANG",
            "VIRTUAL_ENV",
            "SSL_CERT_FILE",
            "AWS_CA_BUNDLE",
            "TMPDIR",
            "PYTHONPATH",
        )
        return {
            **{name: os.environ[name] for name in passed_on if name in os.environ},
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            **self.environment,
            "_HANDLER": self.handler,
            "LAMBDA_TASK_ROOT": str(self.task_root.absolute()),
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}",
            "AWS_LAMBDA_FUNCTION_NAME": self.name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(self.memory_mb),
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{self.name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": f"local/[$LATEST]{uuid.uuid4().hex}",
            "AWS_EXECUTION_ENV": f"AWS_Lambda_python3.{sys.version_info.minor}",
            "PYTHONUNBUFFERED": "1",
            "TZ": ":UTC",
        }


@dataclass(frozen=True, kw_only=True)
class InvokeResult:
    """What became of an invocation.

    Attributes:
        payload: the handler's answer, or the error's document.
        function_error: None, or `Unhandled` as the Invoke API says.
        duration_s: of the invocation, without init.
        init_s: how long the environment took to start, for its first invocation; else None.
        log: the last lines that the function printed.
    """

    payload: bytes
    function_error: str | None
    duration_s: float
    init_s: float | None
    log: tuple[str, ...]


class Environment:
    """A started runtime. After a result for which `usable` is False it has to be closed."""

    def __init__(self, configuration: FunctionConfiguration) -> None:
        self._configuration = configuration
        self._answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._api = RuntimeApi(self._answers.put)
        self._began = time.monotonic()
        read, self._log = os.pipe()
        self._process = subprocess.Popen(
            [*self._wrapper(), sys.executable, "-P", launcher.__file__],
            cwd=configuration.task_root,
            env=configuration.variables(self._api.port),
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._mark = f"end of log {uuid.uuid4()}\n".encode()
        self._marked = threading.Event()
        self._reader = threading.Thread(target=self._read_log, args=(read,), daemon=True)
        self._reader.start()
        self._init_s: float | None = None
        self.usable = True

    def _wrapper(self) -> list[str]:
        """A script that starts the runtime, as https://docs.aws.amazon.com/lambda/latest/dg/runtimes-modify.html."""
        script = self._configuration.environment.get("AWS_LAMBDA_EXEC_WRAPPER")
        return [] if script is None else [script]

    @property
    def alive(self) -> bool:
        """Whether the runtime's process runs."""
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        """The runtime's process."""
        return self._process.pid

    def invoke(self, event: bytes) -> InvokeResult:
        """Let the handler have the event, and wait for its answer, its end or the timeout."""
        timeout = self._configuration.timeout_s
        init_s = None
        if self._init_s is None:
            failure = self._wait_for_init()
            if failure is not None:
                return failure
            init_s = self._init_s
        request_id = str(uuid.uuid4())
        began = time.monotonic()
        deadline_ms = int((time.time() + timeout) * 1000)
        self._api.send(Invocation(request_id, deadline_ms, self._configuration.arn, event))
        answer = self._next_answer(began + timeout, {"response", "error"})
        duration = time.monotonic() - began
        if answer is not None:
            error = None if answer.kind == "response" else "Unhandled"
            return self._result(answer.body, error, duration, init_s)
        self.usable = False
        if self._process.poll() is None:
            message = f"{request_id} Task timed out after {timeout:.2f} seconds"
            return self._result(_error("Sandbox.Timedout", message), "Unhandled", duration, init_s)
        message = f"RequestId: {request_id} Error: Runtime exited with error: {self._exit()}"
        return self._result(_error("Runtime.ExitError", message), "Unhandled", duration, init_s)

    def close(self) -> None:
        """End the process and the server."""
        # The whole session: the handler may have started programs.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._api.close()
        os.close(self._log)
        self._reader.join(timeout=2)
        if self._process.stdin is not None:
            self._process.stdin.close()

    def _wait_for_init(self) -> InvokeResult | None:
        answer = self._next_answer(self._began + LOCAL_INIT_TIMEOUT_S, {"ready", "init_error"})
        took = time.monotonic() - self._began
        if answer is not None and answer.kind == "ready":
            self._init_s = took
            return None
        self.usable = False
        if answer is not None:
            return self._result(answer.body, "Unhandled", 0.0, took)
        reason = "no sign of it" if self._process.poll() is None else self._exit()
        body = _error("Runtime.ExitError", f"Error: Runtime failed to start: {reason}")
        return self._result(body, "Unhandled", 0.0, took)

    def _next_answer(self, until: float, kinds: set[str]) -> Answer | None:
        """The next answer of these kinds; None at the end of time or of the process."""
        ended = False
        while True:
            try:
                answer = self._answers.get(timeout=_POLL_S)
            except queue.Empty:
                if ended or time.monotonic() > until:
                    return None
                # One more look: its last words may have come just now.
                ended = self._process.poll() is not None
                continue
            if answer.kind in kinds:
                return answer

    def _exit(self) -> str:
        status = self._process.wait()
        return f"signal: {-status}" if status < 0 else f"exit status {status}"

    def _result(
        self, payload: bytes, error: str | None, duration: float, init_s: float | None
    ) -> InvokeResult:
        self._await_log()
        return InvokeResult(
            payload=payload, function_error=error, duration_s=duration, init_s=init_s, log=tuple(self._tail)
        )

    def _await_log(self) -> None:
        """Wait until all that the function has printed by now is read: a mark of ours comes after it."""
        self._marked.clear()
        os.write(self._log, self._mark)
        self._marked.wait(timeout=_LOG_TIMEOUT_S)

    def _read_log(self, pipe: int) -> None:
        with open(pipe, "rb") as lines:
            for raw in lines:
                printed = raw.removesuffix(self._mark)
                if printed:
                    line = printed.decode(errors="replace").rstrip("\n")
                    self._tail.append(line)
                    self._configuration.on_log(line)
                if printed != raw:
                    self._marked.set()


def _error(kind: str, message: str) -> bytes:
    return orjson.dumps({"errorType": kind, "errorMessage": message})
