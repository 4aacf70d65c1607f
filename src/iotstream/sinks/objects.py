"""Objects in S3, or in a local directory: immutable, written once, whole or not at all.

An object that is there already is taken for written: its key is made of the span it holds, so a try
before, or a worker thought dead, wrote the same rows. S3 sees `If-None-Match: *`
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html).
"""

from __future__ import annotations

import functools
import itertools
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

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
from iotstream.retry import Backoff, suspend_aware_clock

if TYPE_CHECKING:
    from obstore.store import S3Config, S3CredentialProvider

AnyStore = S3Store | LocalStore | MemoryStore
T = TypeVar("T")

# What trying again does not mend: no such bucket, no right. Some come as Python's own exceptions.
_HOPELESS = (
    FileNotFoundError,
    NotFoundError,
    PermissionDeniedError,
    PermissionError,
    UnauthenticatedError,
)
_HOPELESS_CODES = ("<Code>NoSuchBucket</Code>", "<Code>AccessDenied</Code>")
"""… of an answer to ListObjectsV2, which all come as one kind of exception."""
PUTS_AT_ONCE = 8
REQUEST_TIMEOUT_S = 30
KEYS_A_PAGE = 1_000
"""https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html"""


class Object(NamedTuple):
    """What is to be put."""

    key: str
    body: bytes | memoryview


class ObjectStore(Protocol):
    """Where objects go."""

    def put_new(self, objects: Iterable[Object], *, not_after_s: float | None = None) -> int:
        """Put each object that is not there yet, and return how many were there already.

        Args:
            objects: what is to be put.
            not_after_s: no put, and no further try of one, starts when the store's clock has passed this.

        Raises:
            SinkUnavailable: one could not be put within the deadline, or not before `not_after_s`.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Store:
    """An object store under a prefix.

    Attributes:
        uri: `s3://bucket/prefix` or `file:///directory`, for messages.
        store: obstore's store of it.
        backoff: between tries.
        clock, sleep: seconds; for tests. The clock must count the time while the machine is suspended.
    """

    uri: str
    store: AnyStore
    backoff: Backoff = field(default_factory=Backoff)
    clock: Callable[[], float] = suspend_aware_clock
    sleep: Callable[[float], None] = time.sleep

    def put_new(self, objects: Iterable[Object], *, not_after_s: float | None = None) -> int:
        """See `ObjectStore`. Bodies are taken from the iterable as room in flight allows."""
        rest = iter(objects)
        first, second = next(rest, None), next(rest, None)
        if first is None:
            return 0
        if second is None:
            return int(self._put(first, not_after_s))
        return self._put_all(itertools.chain((first, second), rest), not_after_s)

    def get(self, key: str) -> bytes | None:
        """The object's body; None if there is none of that key.

        Raises:
            SinkUnavailable: it could not be read within the deadline, or may not be, or there is no bucket.
        """

        def try_once() -> bytes | None:
            try:
                return bytes(obstore.get(self.store, key).bytes())
            except (FileNotFoundError, NotFoundError) as error:
                if _is_hopeless_code(error):
                    raise
                return None

        return self._until_deadline(try_once, f"{self._name(key)} could not be read")

    def exists(self, key: str) -> bool:
        """Whether there is an object of that key. In a bucket that is not there, there is none.

        Raises:
            SinkUnavailable: that could not be found out within the deadline, or may not be.
        """
        return self.size(key) is not None

    def size(self, key: str) -> int | None:
        """The object's size in bytes; None if there is none of that key.

        Raises:
            SinkUnavailable: as `exists`.
        """

        def try_once() -> int | None:
            try:
                return obstore.head(self.store, key)["size"]
            except (FileNotFoundError, NotFoundError):
                return None

        return self._until_deadline(try_once, f"{self._name(key)} could not be looked for")

    def list(self, prefix: str = "") -> Iterator[tuple[str, int]]:
        """The keys below a prefix and their sizes, bytes, in the order of the keys.

        Args:
            prefix: whole parts of a key, as a directory: `spans` and `spans/` are the same, and neither
                is `spans-of-others/x`.

        Raises:
            SinkUnavailable: a page could not be listed within the deadline.
        """
        after: str | None = None
        while page := self._until_deadline(
            functools.partial(self._page, prefix, after), f"{self._name(prefix)} could not be listed"
        ):
            yield from page
            after = page[-1][0]

    def _page(self, prefix: str, after: str | None) -> Sequence[tuple[str, int]]:
        """The next keys; none at the end."""
        chunks = obstore.list(self.store, prefix, offset=after, chunk_size=KEYS_A_PAGE)
        if isinstance(self.store, S3Store):
            return [(one["path"], one["size"]) for one in next(chunks, [])]
        # A directory has no order of its own: all the rest is one page.
        return sorted((one["path"], one["size"]) for chunk in chunks for one in chunk)

    def _put_all(self, objects: Iterator[Object], not_after_s: float | None) -> int:
        there = 0
        with ThreadPoolExecutor(PUTS_AT_ONCE, thread_name_prefix="put") as pool:
            waiting: list[Future[bool]] = []
            try:
                for one in objects:
                    if len(waiting) >= PUTS_AT_ONCE:
                        there += waiting.pop(0).result()
                    waiting.append(pool.submit(self._put, one, not_after_s))
                return there + sum(future.result() for future in waiting)
            except BaseException:
                for future in waiting:
                    future.cancel()
                raise

    def _put(self, one: Object, not_after_s: float | None) -> bool:
        """Put it; whether it was there already."""

        def try_once() -> bool:
            try:
                obstore.put(self.store, one.key, one.body, mode="create", use_multipart=False)
            except AlreadyExistsError:
                return True
            return False

        return self._until_deadline(try_once, f"{self._name(one.key)} could not be put", not_after_s)

    def _until_deadline(self, try_once: Callable[[], T], failed: str, not_after_s: float | None = None) -> T:
        """Try until it succeeds. `failed` begins the message if it doesn't."""
        began = self.clock()
        delays = self.backoff.delays()
        last: Exception | None = None
        while True:
            if not_after_s is not None and self.clock() > not_after_s:
                reason = "it is too late to start a write" + (
                    f"; before: {_first_line(last)}" if last else ""
                )
                raise SinkUnavailable(f"{failed}: {reason}") from last
            try:
                return try_once()
            except _HOPELESS as error:
                raise SinkUnavailable(_message(failed, error)) from error
            except (BaseError, PreconditionError, OSError) as error:
                # Also 409: another conditional write of the same key is under way.
                delay = next(delays, None)
                if (
                    delay is None
                    or self.clock() - began + delay > self.backoff.deadline_s
                    or _is_hopeless_code(error)
                ):
                    raise SinkUnavailable(_message(failed, error)) from error
                last = error
            self.sleep(delay)

    def _name(self, key: str) -> str:
        return f"{self.uri.rstrip('/')}/{key}"


def _is_hopeless_code(error: Exception) -> bool:
    return any(code in str(error) for code in _HOPELESS_CODES)


def _message(failed: str, error: Exception) -> str:
    return f"{failed} ({type(error).__name__}): {_first_line(error)}"


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n\n")[0].replace("\n", " ")


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
