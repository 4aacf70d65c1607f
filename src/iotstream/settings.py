"""`Settings`: everything that can be set, from `iotstream.toml` and the environment.

A file holds sections of keys; each key can be overridden by a variable, `IOTSTREAM_<SECTION>_<KEY>`.
`IOTSTREAM_CONFIG` is the path of the file; without it there is none, and the defaults hold. AWS
endpoints, the region and credentials are the SDK's own variables (`AWS_ENDPOINT_URL`, `AWS_REGION` …).

Whatever is wrong, or unknown, is refused by a `ConfigurationError` that names the key, its variable,
the value and what is allowed. `docs/settings.md` is `settings_reference()`.
"""

from __future__ import annotations

import difflib
import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from os import PathLike
from pathlib import Path
from typing import Any, ClassVar, get_args, get_type_hints

from iotstream._native import SWITCH
from iotstream._settings_base import (
    ANY,
    APPLICATION,
    FLAG,
    HTTP_URL,
    INITIAL_POSITION,
    JOURNAL_URI,
    LOCATION,
    PATH,
    PREFIX,
    SECONDS,
    STREAM_NAME,
    TIMESTREAM_NAME,
    Section,
    choice,
    matching,
    parsed,
    refusal,
    setting,
    typed,
    variable,
    whole,
)
from iotstream.errors import ConfigurationError
from iotstream.retry import Backoff

CONFIG_VARIABLE = "IOTSTREAM_CONFIG"


@dataclass(frozen=True, kw_only=True)
class StreamSettings(Section):
    """The Kinesis stream."""

    section: ClassVar[str] = "stream"
    name: str = setting(
        "kinesis-stream",
        "The Kinesis stream. The Lambda handler takes it from the event instead.",
        matching(STREAM_NAME, "letters, digits, _ . -, 1 to 128 of them"),
    )


@dataclass(frozen=True, kw_only=True)
class SchemaSettings(Section):
    """The description of the telemetry."""

    section: ClassVar[str] = "schema"
    path: str = setting("", "The schema file. Empty: the default schema.", PATH, path=True)


@dataclass(frozen=True, kw_only=True)
class LakeSettings(Section):
    """The Parquet objects."""

    section: ClassVar[str] = "lake"
    uri: str = setting("", "Where the lake is. The handlers and `consume` need it.", LOCATION)
    compression_level: int = setting(1, "Of zstd: higher is smaller and slower.", whole(1, 22))
    row_group_rows: int = setting(1_048_576, "Rows in one Parquet row group at most.", whole(1))


@dataclass(frozen=True, kw_only=True)
class QuarantineSettings(Section):
    """The dead letters."""

    section: ClassVar[str] = "quarantine"
    uri: str = setting("", "Where dead letters go. Empty: `quarantine` in the lake's prefix.", LOCATION)


@dataclass(frozen=True, kw_only=True)
class TimestreamSettings(Section):
    """Amazon Timestream for LiveAnalytics.

    `enabled` may be left None: it then is whether a database is named.
    """

    section: ClassVar[str] = "timestream"
    database: str = setting(
        "",
        "The database, for example `iot_timestream_db`.",
        matching(TIMESTREAM_NAME, "letters, digits, _ . -, 3 to 256 of them", empty=True),
    )
    table: str = setting(
        "iot_table",
        "The table.",
        matching(TIMESTREAM_NAME, "letters, digits, _ . -, 3 to 256 of them"),
    )
    enabled: bool | None = setting(
        None, "Whether rows go to Timestream. Default: when a database is named.", FLAG
    )
    in_flight: int = setting(64, "WriteRecords calls under way at once, at most.", whole(1, 1024))
    deadline_s: float = setting(
        60.0, "How long one write is tried again while it is throttled or down.", SECONDS
    )
    on_unavailable: str = setting(
        "defer",
        "When it stays down: `defer` goes on, and `iotstream backfill` sends what it missed; `stop` fails. "
        "Without a journal it is always `stop`.",
        choice("defer", "stop"),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.enabled is None:
            object.__setattr__(self, "enabled", bool(self.database))
        if self.enabled and not self.database:
            raise refusal(
                self.section, "database", "", "the database's name, since timestream.enabled is true"
            )


@dataclass(frozen=True, kw_only=True)
class InfluxSettings(Section):
    """InfluxDB, so Amazon Timestream for InfluxDB.

    `enabled` may be left None: it then is whether a URL is set.
    """

    section: ClassVar[str] = "influxdb"
    url: str = setting("", "The server, for example `https://<id>.timestream-influxdb…:8086`.", HTTP_URL)
    version: str = setting(
        "v2", "The write API: `/write`, `/api/v2/write` or `/api/v3/write_lp`.", choice("v1", "v2", "v3")
    )
    database: str = setting("", "The database; of v2 the bucket.", ANY)
    org: str = setting("", "v2: the organization.", ANY)
    token: str = setting("", "The token. Better: `token_secret`.", ANY, secret=True)
    token_secret: str = setting(
        "",
        "Secrets Manager's name or ARN of the token, or of JSON with `token`, or with `username` and "
        "`password`.",
        ANY,
    )
    username: str = setting("", "v1: the user.", ANY)
    password: str = setting("", "v1: the user's password. Better: `token_secret`.", ANY, secret=True)
    enabled: bool | None = setting(None, "Whether rows go to InfluxDB. Default: when a URL is set.", FLAG)
    in_flight: int = setting(4, "Write calls under way at once, at most.", whole(1, 256))
    lines_per_call: int = setting(5_000, "Points in one call, at most.", whole(1, 10_000))
    gzip: bool = setting(True, "Whether what is sent is compressed.", FLAG)
    deadline_s: float = setting(
        60.0, "How long one write is tried again while it is throttled or down.", SECONDS
    )
    on_unavailable: str = setting("defer", "As `timestream.on_unavailable`.", choice("defer", "stop"))

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.enabled is None:
            object.__setattr__(self, "enabled", bool(self.url))
        for key in ("url", "database") if self.enabled else ():
            if not getattr(self, key):
                raise refusal(self.section, key, "", f"the {key}, since rows go to InfluxDB")


@dataclass(frozen=True, kw_only=True)
class SpanSettings(Section):
    """When a span of a shard is closed and written to the lake: at whichever comes first."""

    section: ClassVar[str] = "span"
    max_rows: int = setting(1_000_000, "Rows and dead letters.", whole(1))
    max_bytes: int = setting(128 * 1024 * 1024, "Bytes of decoded columns.", whole(1))
    max_age_s: float = setting(60.0, "Seconds since the span's first records.", SECONDS)


@dataclass(frozen=True, kw_only=True)
class JournalSettings(Section):
    """The span journal, which makes the lake exactly-once."""

    section: ClassVar[str] = "journal"
    uri: str = setting(
        "",
        "Where it is. `consume` needs one; empty: the Lambda handler writes at least once.",
        matching(JOURNAL_URI, "dynamodb://table, sqlite:///path/of/file or memory:, or empty", empty=True),
    )
    application: str = setting(
        "iotstream",
        "Whose lake it is. Shards, leases and the lake's prefix belong to it.",
        matching(APPLICATION, "letters, digits, _ . -, 1 to 100 of them"),
    )
    run: str = setting(
        "",
        "Reprocessing on purpose: a run of its own has its own leases, its own journal items, and its own "
        "lake below `runs/<run>` in the prefix; hot sinks are off.",
        matching(APPLICATION, "letters, digits, _ . -, 1 to 100 of them", empty=True),
    )
    run_hot_sinks: bool = setting(False, "Whether a run also writes to the hot sinks.", FLAG)
    on_gap: str = setting(
        "record",
        "When records are gone from the stream unread: `record` notes it in the lake and goes on; `stop` "
        "ends.",
        choice("record", "stop"),
    )


@dataclass(frozen=True, kw_only=True)
class ConsumerSettings(Section):
    """The long-running consumer, `iotstream consume`."""

    section: ClassVar[str] = "consumer"
    source: str = setting(
        "kcl",
        "`kcl`: the Kinesis Client Library shares the shards among many consumers (needs Java); "
        "`direct`: one process reads all shards.",
        choice("kcl", "direct"),
    )
    initial_position: str = setting(
        "TRIM_HORIZON",
        "Where a shard without a checkpoint begins.",
        matching(INITIAL_POSITION, "TRIM_HORIZON, LATEST, or a time such as 2026-01-31T12:00:00Z"),
    )
    memory_bytes: int = setting(
        1024 * 1024 * 1024,
        "Of all shards together; spans close early under it. Of the task, without the JVM.",
        whole(64 * 1024 * 1024),
    )
    host: str = setting("127.0.0.1", "Where `/health` and `/metrics` listen; `0.0.0.0` in a container.", ANY)
    port: int = setting(8080, "Their port; 0: any that is free.", whole(0, 65535))
    shutdown_s: float = setting(
        25.0, "How long SIGTERM waits for spans to be finished; ECS gives 30 s.", SECONDS
    )
    metrics_every_s: float = setting(60.0, "Seconds between lines of metrics (EMF) on stdout.", SECONDS)
    retrieval: str = setting(
        "polling",
        "KCL: `polling` shares a shard's 2 MB/s with other consumers; `fanout` has its own, at a price.",
        choice("polling", "fanout"),
    )
    java: str = setting("java", "KCL: the Java runtime, 17 or later.", ANY)
    java_heap: str = setting(
        "512m", "KCL: the JVM's heap.", matching(re.compile(r"\d+[kmg]"), "a number with k, m or g")
    )
    kcl_properties: str = setting(
        "", "KCL: a file of further properties for the daemon, which win over ours.", PATH, path=True
    )


@dataclass(frozen=True, kw_only=True)
class RetrySettings(Section):
    """Retries of a sink that is down: exponential backoff with full jitter."""

    section: ClassVar[str] = "retry"
    base_s: float = setting(0.1, "The first delay's upper end; it doubles with each try.", SECONDS)
    cap_s: float = setting(5.0, "The largest upper end of a delay.", SECONDS)
    deadline_s: float = setting(60.0, "After that the sink counts as unavailable.", SECONDS)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.base_s > self.cap_s:
            raise refusal(self.section, "base_s", self.base_s, f"at most retry.cap_s, which is {self.cap_s}")

    def backoff(self, max_deadline_s: float = math.inf) -> Backoff:
        """The schedule of retries; its deadline is at most so many seconds."""
        deadline = min(self.deadline_s, max_deadline_s)
        return Backoff(base_s=self.base_s, cap_s=self.cap_s, deadline_s=deadline)


@dataclass(frozen=True, kw_only=True)
class LogSettings(Section):
    """Logging."""

    section: ClassVar[str] = "log"
    level: str = setting(
        "INFO", "What is logged at least.", choice("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
    )


@dataclass(frozen=True, kw_only=True)
class MetricsSettings(Section):
    """Metrics in CloudWatch's embedded metric format."""

    section: ClassVar[str] = "metrics"
    namespace: str = setting(
        "iotstream",
        "CloudWatch's namespace.",
        matching(
            re.compile(r"(?!AWS/)[\w.\-/#:]{1,255}", re.ASCII), "letters, digits, . - _ / # :, not AWS/…"
        ),
    )


@dataclass(frozen=True, kw_only=True)
class MqttSettings(Section):
    """Where devices publish: the local stack's broker or AWS IoT Core. For `iotstream simulate`."""

    section: ClassVar[str] = "mqtt"
    host: str = setting("", "The broker, for example `<id>-ats.iot.us-east-1.amazonaws.com`.", ANY)
    port: int = setting(8883, "Its TLS port.", whole(1, 65535))
    ca_file: str = setting("", "The authority that signed the broker's certificate (PEM).", PATH, path=True)
    certificate_directory: str = setting(
        "", "Holds `<device>.crt` and `<device>.key` for each device.", PATH, path=True
    )


SECTIONS: tuple[type[Section], ...] = (
    StreamSettings,
    SchemaSettings,
    LakeSettings,
    QuarantineSettings,
    TimestreamSettings,
    InfluxSettings,
    SpanSettings,
    JournalSettings,
    ConsumerSettings,
    RetrySettings,
    LogSettings,
    MetricsSettings,
    MqttSettings,
)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All sections. `Settings()` holds the defaults; `Settings.load` reads file and environment."""

    stream: StreamSettings = field(default_factory=StreamSettings)
    schema: SchemaSettings = field(default_factory=SchemaSettings)
    lake: LakeSettings = field(default_factory=LakeSettings)
    quarantine: QuarantineSettings = field(default_factory=QuarantineSettings)
    timestream: TimestreamSettings = field(default_factory=TimestreamSettings)
    influxdb: InfluxSettings = field(default_factory=InfluxSettings)
    span: SpanSettings = field(default_factory=SpanSettings)
    journal: JournalSettings = field(default_factory=JournalSettings)
    consumer: ConsumerSettings = field(default_factory=ConsumerSettings)
    retry: RetrySettings = field(default_factory=RetrySettings)
    log: LogSettings = field(default_factory=LogSettings)
    metrics: MetricsSettings = field(default_factory=MetricsSettings)
    mqtt: MqttSettings = field(default_factory=MqttSettings)

    def __post_init__(self) -> None:
        if not self.quarantine.uri and self.lake.uri:
            beside = QuarantineSettings(uri=self.lake.uri.rstrip("/") + "/quarantine")
            object.__setattr__(self, "quarantine", beside)

    @classmethod
    def load(cls, environ: Mapping[str, str], path: str | PathLike[str] | None = None) -> Settings:
        """Read the file, then let the variables override it.

        Args:
            environ: the environment; only `IOTSTREAM_…` is looked at.
            path: the file; None: the one that `IOTSTREAM_CONFIG` names, if any.

        Raises:
            ConfigurationError: the file can't be read, or a key or a value is wrong.
        """
        source = path or environ.get(CONFIG_VARIABLE) or None
        table = {} if source is None else _read(Path(source))
        _refuse_unknown_sections(table)
        _refuse_unknown_variables(environ)
        return cls(**{kind.section: _load_section(kind, table, environ, source) for kind in SECTIONS})

    @property
    def application(self) -> str:
        """Whose the lake, leases and journal items are: a run of its own is another application."""
        journal = self.journal
        return f"{journal.application}@{journal.run}" if journal.run else journal.application

    @property
    def lake_uri(self) -> str:
        """The lake's prefix; that of a run is its own."""
        return self._of_run(self.lake.uri)

    @property
    def quarantine_uri(self) -> str:
        """The dead letters' prefix; that of a run is its own."""
        return self._of_run(self.quarantine.uri)

    def _of_run(self, uri: str) -> str:
        run = self.journal.run
        return f"{uri.rstrip('/')}/runs/{run}" if run else uri

    def require(self, *names: str) -> None:
        """Make sure that these keys, for example "lake.uri", are not empty.

        Raises:
            ConfigurationError: one is; it says how to set it.
        """
        for name in names:
            section, key = name.split(".")
            if getattr(getattr(self, section), key) in ("", None):
                rule = next(f for f in fields(getattr(self, section)) if f.name == key).metadata["rule"]
                raise ConfigurationError(
                    f"{name} is not set: set {variable(section, key)}, or {key} in [{section}] of the file "
                    f"that {CONFIG_VARIABLE} names, to {rule.words}"
                )


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"configuration file {str(path)!r} can't be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"configuration file {str(path)!r} is not TOML: {error}") from error


def _refuse_unknown_sections(table: Mapping[str, Any]) -> None:
    known = [kind.section for kind in SECTIONS]
    for name, value in table.items():
        if name not in known:
            raise ConfigurationError(f"[{name}]: no such section; there are {', '.join(known)}")
        if not isinstance(value, dict):
            raise ConfigurationError(f"{name} = {value!r}: it is a section, written [{name}]")


def _refuse_unknown_variables(environ: Mapping[str, str]) -> None:
    known = {variable(kind.section, key.name) for kind in SECTIONS for key in fields(kind)}  # type: ignore[arg-type]
    for name in sorted(environ):
        if name.startswith(PREFIX) and name not in {*known, CONFIG_VARIABLE, SWITCH}:
            near = difflib.get_close_matches(name, known, 3, 0.75)
            hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(sorted(known))}"
            raise ConfigurationError(f"variable {name}: no such setting; {hint}")


def _load_section(
    kind: type[Section],
    table: Mapping[str, Any],
    environ: Mapping[str, str],
    source: str | PathLike[str] | None,
) -> Any:
    given = dict(table.get(kind.section, {}))
    hints, values = get_type_hints(kind), {}
    for key in fields(kind):  # type: ignore[arg-type]
        name = variable(kind.section, key.name)
        # `bool | None` is a bool that may be left to the section.
        wanted = next((one for one in get_args(hints[key.name]) if one is not type(None)), hints[key.name])
        if key.name in given:
            value = typed(kind.section, key, given.pop(key.name), wanted)
            is_path = key.metadata["path"] and value and source is not None
            values[key.name] = str(Path(source).parent / value) if is_path and source is not None else value
        if name in environ:
            values[key.name] = parsed(kind.section, key, environ[name], wanted)
    for key_name in given:
        # Its value is not shown, here and above: a mistyped key may hold a secret.
        keys = ", ".join(key.name for key in fields(kind))  # type: ignore[arg-type]
        raise ConfigurationError(f"{kind.section}.{key_name}: no such key; there are {keys}")
    return kind(**values)


def settings_reference() -> str:
    """Every section and key as Markdown."""
    lines = [
        "# Settings",
        "",
        f"One TOML file, whose path is in `{CONFIG_VARIABLE}`; every key can be overridden by its variable.",
        "Relative paths in the file are relative to the file. AWS endpoints, region and credentials are the",
        "SDK's own variables (`AWS_ENDPOINT_URL`, `AWS_REGION`, …). A wrong or unknown key or variable is",
        f"refused at start. `{SWITCH}=off` leaves the compiled kernel unused, and decodes by pure Python.",
        "This page is written by `python -m iotstream.settings`.",
    ]
    for kind in SECTIONS:
        lines += ["", f"## [{kind.section}]", "", (kind.__doc__ or "").split("\n")[0], ""]
        lines += ["| key | default | allowed | variable | what it is |", "|---|---|---|---|---|"]
        lines += [_reference_row(kind.section, key) for key in fields(kind)]  # type: ignore[arg-type]
    return "\n".join(lines) + "\n"


def _reference_row(section: str, key: Field[Any]) -> str:
    default = "" if key.default is None else str(key.default)
    shown = f"`{default}`" if default else ""
    about, words = key.metadata["about"], key.metadata["rule"].words
    return f"| `{key.name}` | {shown} | {words} | `{variable(section, key.name)}` | {about} |"


if __name__ == "__main__":
    import sys

    sys.stdout.write(settings_reference())
