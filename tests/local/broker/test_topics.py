"""Topic names, filters, matching: against the specification's examples, and against Mosquitto's own words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.client import topic_matches_sub

from iotstream.local.broker.policy import RULE_ENGINE, TEST_CLIENT, Policy
from iotstream.local.broker.topics import covers, is_filter, is_topic, matches, smallest_cover

LEVELS = st.sampled_from(["a", "b", "", "topic", "mqtt"])
TOPICS = st.lists(LEVELS, min_size=1, max_size=5).map("/".join).filter(is_topic)
FILTERS = (
    st.tuples(st.lists(LEVELS | st.just("+"), max_size=4), st.sampled_from([["#"], [], ["+"]]))
    .map(lambda parts: "/".join(parts[0] + parts[1]))
    .filter(is_filter)
)


@given(FILTERS, TOPICS)
def test_matching_agrees_with_another_implementation(topic_filter: str, topic: str) -> None:
    assert matches(topic_filter, topic) == topic_matches_sub(topic_filter, topic)


@given(FILTERS, TOPICS)
def test_without_the_parent_only_the_parent_is_left_out(topic_filter: str, topic: str) -> None:
    is_parent = topic_filter.endswith("/#") and matches(topic_filter.removesuffix("/#"), topic)
    assert matches(topic_filter, topic, parent=False) == (matches(topic_filter, topic) and not is_parent)


@given(FILTERS, FILTERS, TOPICS)
def test_a_covering_filter_matches_whatever_the_covered_one_does(wide: str, narrow: str, topic: str) -> None:
    if covers(wide, narrow) and matches(narrow, topic):
        assert matches(wide, topic)


@given(st.lists(FILTERS, max_size=5), TOPICS)
def test_a_smallest_cover_matches_the_same_topics(filters: list[str], topic: str) -> None:
    cover = smallest_cover(filters)
    assert any(matches(f, topic) for f in cover) == any(matches(f, topic) for f in filters)
    assert not any(covers(a, b) for a in cover for b in cover if a != b)


@pytest.mark.parametrize(
    ("topic_filter", "topic", "mqtt", "iot_core"),
    [
        ("sport/tennis/player1/#", "sport/tennis/player1", True, False),
        ("sport/tennis/player1/#", "sport/tennis/player1/ranking", True, True),
        ("sensor/#", "sensor/", True, True),
        ("#", "a", True, True),
        ("sport/+", "sport", False, False),
        ("sport/+", "sport/", True, True),
        ("+/+", "/finance", True, True),
        ("+", "/finance", False, False),
        ("#", "$SYS/broker", False, False),
        ("+/monitor/Clients", "$SYS/monitor/Clients", False, False),
        ("$SYS/#", "$SYS/broker", True, True),
        ("topic/mqtt", "topic/MQTT", False, False),
    ],
)
def test_the_specifications_examples(topic_filter: str, topic: str, mqtt: bool, iot_core: bool) -> None:
    assert matches(topic_filter, topic) is mqtt
    assert matches(topic_filter, topic, parent=False) is iot_core


@pytest.mark.parametrize("text", ["", "a#", "#/a", "a/#/b", "a+", "+a/b", "a\0", "x" * 257, "/" * 8, "##"])
def test_malformed_filters(text: str) -> None:
    assert not is_filter(text)


@pytest.mark.parametrize("text", ["", "a/+", "#", "a/#", "a\0b", "é" * 129, "/" * 8])
def test_malformed_topics(text: str) -> None:
    assert not is_topic(text)


@given(
    st.sampled_from([RULE_ENGINE, TEST_CLIENT, "d1", "d2", ""]), TOPICS | st.sampled_from(["topic/mqtt/d1"])
)
def test_a_topic_has_at_most_one_publisher(identity: str, topic: str) -> None:
    policy = Policy()
    if policy.may_publish(identity, topic):
        assert policy.publisher(topic) == identity
        assert not policy.may_subscribe(identity)
