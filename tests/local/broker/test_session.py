"""A session: what waits for a client, what is on its way, what comes again."""

from __future__ import annotations

from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from iotstream.local.broker import session as session_module
from iotstream.local.broker.packets import Publish
from iotstream.local.broker.session import MAX_INFLIGHT, Session


def message(number: int) -> Publish:
    return Publish(topic="t", payload=str(number).encode(), qos=1)


@given(st.lists(st.sampled_from(["enqueue", "send", "acknowledge", "reconnect"]), max_size=200))
def test_until_it_is_acknowledged_a_message_stays_and_order_is_kept(steps: list[str]) -> None:
    session, waiting, sent = Session("c"), deque(), {}
    count = 0
    for step in steps:
        if step == "enqueue":
            session.enqueue(message(count))
            waiting.append(str(count).encode())
            count += 1
        elif step == "send":
            for one in session.next_to_send():
                assert one.packet_id not in sent
                assert one.payload == waiting.popleft()
                assert not one.duplicate
                sent[one.packet_id] = one.payload
        elif step == "acknowledge" and sent:
            packet_id = next(iter(sent))
            session.acknowledge(packet_id)
            del sent[packet_id]
        elif step == "reconnect":
            again = session.to_send_again()
            assert [(one.packet_id, one.payload) for one in again] == list(sent.items())
            assert all(one.duplicate for one in again)
        assert session.backlog == len(waiting) + len(sent)


def test_no_more_than_the_window_is_on_its_way() -> None:
    session = Session("c")
    for number in range(MAX_INFLIGHT + 5):
        session.enqueue(message(number))
    first = list(session.next_to_send())
    assert len(first) == MAX_INFLIGHT
    assert not list(session.next_to_send())
    session.acknowledge(first[3].packet_id)
    session.acknowledge(65_000)  # unknown: nothing changes
    assert [one.payload for one in session.next_to_send()] == [str(MAX_INFLIGHT).encode()]


def test_packet_ids_go_round_without_meeting_one_in_use() -> None:
    session = Session("c")
    session.enqueue(message(0))
    (held,) = session.next_to_send()
    for number in range(70_000):
        session.enqueue(message(number))
        (one,) = session.next_to_send()
        assert one.packet_id != held.packet_id
        assert 1 <= one.packet_id <= 65_535
        session.acknowledge(one.packet_id)


def test_a_full_session_says_so(monkeypatch) -> None:
    monkeypatch.setattr(session_module, "MAX_QUEUED", 2)
    session = Session("c")
    session.enqueue(message(0))
    assert not session.full
    session.enqueue(message(1))
    assert session.full


def test_the_highest_qos_of_all_matching_subscriptions_counts() -> None:
    session = Session("c")
    session.subscriptions.update({"a/#": 0, "a/+": 1, "b": 1})
    assert session.qos_for("a/x") == 1
    assert session.qos_for("a") == 0
    assert session.qos_for("c") is None
