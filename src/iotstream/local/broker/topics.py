"""MQTT topic names and filters: what is valid, and what matches.

Sources: MQTT 3.1.1, section 4.7 (https://docs.oasis-open.org/mqtt/mqtt/v3.1.1/os/mqtt-v3.1.1-os.html),
and AWS IoT Core's limits (https://docs.aws.amazon.com/general/latest/gr/iot-core.html).
"""

from __future__ import annotations

MAX_TOPIC_BYTES = 256
MAX_TOPIC_SLASHES = 7


def is_topic(topic: str) -> bool:
    """Whether a message may be published on `topic`: no wildcards, within IoT Core's limits."""
    return _fits(topic) and not ("+" in topic or "#" in topic)


def is_filter(topic_filter: str) -> bool:
    """Whether `topic_filter` is well formed: `+` a whole level, `#` a whole level and the last."""
    if not _fits(topic_filter):
        return False
    levels = topic_filter.split("/")
    plus = all(level == "+" or "+" not in level for level in levels)
    last = levels.pop()
    return plus and not any("#" in level for level in levels) and (last == "#" or "#" not in last)


def matches(topic_filter: str, topic: str, *, parent: bool = True) -> bool:
    """Whether `topic` matches `topic_filter`.

    Args:
        topic_filter: a valid filter. A leading wildcard does not match a topic that begins with `$`.
        topic: a valid topic.
        parent: whether `a/#` matches `a` itself: in MQTT it does, in AWS IoT Core it does not
            (its developer guide, "Topics": `Sensor/#` receives `Sensor/` and `Sensor/temp`, but not
            what is published on `Sensor`).
    """
    if topic.startswith("$") and topic_filter[:1] in {"+", "#"}:
        return False
    wanted, given = topic_filter.split("/"), topic.split("/")
    if wanted[-1] == "#":
        wanted.pop()
        if len(given) < len(wanted) + (not parent):
            return False
        given = given[: len(wanted)]
    return len(wanted) == len(given) and all(w in {"+", g} for w, g in zip(wanted, given, strict=True))


def covers(wide: str, narrow: str) -> bool:
    """Whether, by MQTT's rules, every topic that matches `narrow` matches `wide`."""
    if narrow.startswith("$") and wide[:1] in {"+", "#"}:
        return False
    wanted, given = wide.split("/"), narrow.split("/")
    if wanted[-1] == "#":
        wanted.pop()
        bare = given[:-1] if given[-1] == "#" else given
        return len(bare) >= len(wanted) and _levels_cover(wanted, bare[: len(wanted)])
    return given[-1] != "#" and len(wanted) == len(given) and _levels_cover(wanted, given)


def smallest_cover(filters: list[str]) -> list[str]:
    """The filters without those that another one covers; order is kept."""
    kept: list[str] = []
    for candidate in dict.fromkeys(filters):
        if any(covers(other, candidate) for other in kept):
            continue
        kept = [other for other in kept if not covers(candidate, other)]
        kept.append(candidate)
    return kept


def _levels_cover(wanted: list[str], given: list[str]) -> bool:
    return all(w in {"+", g} for w, g in zip(wanted, given, strict=True))


def _fits(topic: str) -> bool:
    within = 0 < len(topic.encode()) <= MAX_TOPIC_BYTES and topic.count("/") <= MAX_TOPIC_SLASHES
    return within and "\0" not in topic
