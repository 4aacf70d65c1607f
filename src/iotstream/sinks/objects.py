"""Objects in S3, or in a local directory: immutable, written once, whole or not at all.

An object that is there already is taken for written: its key is made of the span it holds, so a try
before, or a worker thought dead, wrote the same rows. S3 sees `If-None-Match: *`
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html).
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple, Protocol

import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    NotFoundError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)
from obstore.store import LocalStore, MemoryStore, S3Store

from iotstream.errors import ConfigurationError, SinkUnavailable
from iotstream.retry import Backoff

if TYPE_CHECKING:
    from obstore.store import S3Config, S3CredentialProvider

AnyStore = S3Store | LocalStore | MemoryStore

# What trying again does not mend: no such bucket, no right. Some come as Python's own exceptions.
_HOPELESS = (
    FileNotFoundError,
    NotFoundError,
    PermissionDeniedError,
    PermissionError,
    UnauthenticatedError,
)
PUTS_AT_ONCE = 8
REQUEST_TIMEOUT_S = 30


class Object(NamedTuple):
    """What is to be put."""

    key: str
    body: bytes | memoryview


class ObjectStore(Protocol):
    """Where objects go."""

    def put_new(self, objects: Iterable[Object]) -> int:
        """Put each object that is not there yet, and return how many were there already.

        Raises:
            SinkUnavailable: one could not be put within the deadline.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Store:
    """An object store under a prefix.

    Attributes:
        uri: `s3://bucket/prefix` or `file:///directory`, for messages.
        store: obstore's store of it.
        backoff: between tries.
        clock, sleep: seconds; for tests.
    """

    uri: str
    store: AnyStore
    backoff: Backoff = field(default_factory=Backoff)
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def put_new(self, objects: Iterable[Object]) -> int:
        """See `ObjectStore`. Bodies are taken from the iterable as room in flight allows."""
        rest = iter(objects)
        first, second = next(rest, None), next(rest, None)
        if first is None:
            return 0
        if second is None:
            return int(self._put(first))
        return self._put_all(itertools.chain((first, second), rest))

    def _put_all(self, objects: Iterator[Object]) -> int:
        there = 0
        with ThreadPoolExecutor(PUTS_AT_ONCE, thread_name_prefix="put") as pool:
            waiting: list[Future[bool]] = []
            try:
                for one in objects:
                    if len(waiting) >= PUTS_AT_ONCE:
                        there += waiting.pop(0).result()
                    waiting.append(pool.submit(self._put, one))
                return there + sum(future.result() for future in waiting)
            except BaseException:
                for future in waiting:
                    future.cancel()
                raise

    def _put(self, one: Object) -> bool:
        """Put it; whether it was there already."""
        began = self.clock()
        delays = self.backoff.delays()
        while True:
            try:
                obstore.put(self.store, one.key, one.body, mode="create", use_multipart=False)
            except AlreadyExistsError:
                return True
            except _HOPELESS as error:
                raise SinkUnavailable(self._message(one, error)) from error
            except (BaseError, PreconditionError, OSError) as error:
                # Also 409: another conditional write of the same key is under way.
                delay = next(delays, None)
                if delay is None or self.clock() - began + delay > self.backoff.deadline_s:
                    raise SinkUnavailable(self._message(one, error)) from error
                self.sleep(delay)
            else:
                return False

    def _message(self, one: Object, error: Exception) -> str:
        first = str(error).strip().split("\n\n")[0].replace("\n", " ")
        return f"{self.uri.rstrip('/')}/{one.key} could not be put ({type(error).__name__}): {first}"


def open_store(uri: str, *, backoff: Backoff, environ: Mapping[str, str] | None = None) -> Store:
    """The store of that URI.

    Args:
        uri: `s3://bucket/prefix` or `file:///directory`.
        backoff: between tries.
        environ: the SDK's variables; the process's own by default.

    Raises:
        ConfigurationError: the URI is of no known kind, or names no bucket.
    """
    environ = os.environ if environ is None else environ
    scheme, _, rest = uri.partition("://")
    if scheme == "file" and rest.startswith("/"):
        return Store(uri=uri, store=LocalStore(rest, mkdir=True), backoff=backoff)
    bucket, _, prefix = rest.partition("/")
    if scheme != "s3" or not bucket:
        raise ConfigurationError(f"{uri!r} is no place for objects: s3://bucket/prefix or file:///directory")
    return Store(uri=uri, store=_s3(bucket, prefix.strip("/"), environ), backoff=backoff)


def _s3(bucket: str, prefix: str, environ: Mapping[str, str]) -> S3Store:
    endpoint = environ.get("AWS_ENDPOINT_URL_S3") or environ.get("AWS_ENDPOINT_URL")
    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
    config: S3Config = {"conditional_put": "etag"}
    if endpoint:
        config |= {"endpoint": endpoint, "virtual_hosted_style_request": False}
    if region:
        config["region"] = region
    credentials = _keys(environ)
    plain_http = endpoint is not None and endpoint.startswith("http:")
    return S3Store(
        bucket,
        prefix=prefix or None,
        config=config | credentials,
        client_options={"allow_http": plain_http, "timeout": f"{REQUEST_TIMEOUT_S}s"},
        # Tries are counted here, where the deadline is known.
        retry_config={"max_retries": 0, "retry_timeout": timedelta(seconds=REQUEST_TIMEOUT_S)},
        credential_provider=None if credentials else _sdk_credentials(),
    )


def _keys(environ: Mapping[str, str]) -> S3Config:
    """The keys in the environment, which Lambda provides; empty if there are none."""
    if not environ.get("AWS_ACCESS_KEY_ID"):
        return {}
    keys: S3Config = {
        "access_key_id": environ["AWS_ACCESS_KEY_ID"],
        "secret_access_key": environ.get("AWS_SECRET_ACCESS_KEY", ""),
    }
    if environ.get("AWS_SESSION_TOKEN"):
        keys["session_token"] = environ["AWS_SESSION_TOKEN"]
    return keys


def _sdk_credentials() -> S3CredentialProvider:
    """Credentials by the SDK's chain (profiles, roles of containers and instances), with refresh."""
    from obstore.auth.boto3 import Boto3CredentialProvider  # noqa: PLC0415 - boto3 costs a cold start

    return Boto3CredentialProvider()
