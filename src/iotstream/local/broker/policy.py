"""Who may do what: the IoT Core policies of the pipeline, as one pure object.

A client's identity is its certificate's common name, and its MQTT client id must be the same, as with
a policy on `${iot:Connection.Thing.ThingName}`. Since each topic has exactly one publisher, a message's
topic tells who sent it: that is how the rule engine, a subscriber, knows `clientid()`.
"""

from __future__ import annotations

from dataclasses import dataclass

DEFAULT_TOPIC = "topic/mqtt"
TEST_CLIENT = "test-client"
RULE_ENGINE = "rule-engine"


@dataclass(frozen=True, kw_only=True)
class Policy:
    """The rights of the three kinds of client.

    Attributes:
        topic: every client but the rule engine may publish on `<topic>/<its name>`.
        test_client: the client that may publish on `<topic>` itself as well.
        rule_engine: the client that may subscribe to everything, and publish nothing.
    """

    topic: str = DEFAULT_TOPIC
    test_client: str = TEST_CLIENT
    rule_engine: str = RULE_ENGINE

    def device_topic(self, name: str) -> str:
        """The topic on which the device `name` publishes."""
        return f"{self.topic}/{name}"

    def may_connect(self, identity: str, client_id: str) -> bool:
        """Whether the holder of the certificate `identity` may connect as `client_id`."""
        return bool(identity) and identity == client_id

    def may_publish(self, identity: str, topic: str) -> bool:
        """Whether `identity` may publish on `topic`."""
        return bool(identity) and self.publisher(topic) == identity

    def may_subscribe(self, identity: str) -> bool:
        """Whether `identity` may subscribe (to any filter)."""
        return identity == self.rule_engine

    def publisher(self, topic: str) -> str | None:
        """The one client that can have published on `topic`; None if nobody may."""
        if topic == self.topic:
            return self.test_client
        name = topic.removeprefix(f"{self.topic}/")
        nobody = name == topic or "/" in name or name in {self.rule_engine, ""}
        return None if nobody else name

    def publishes_on(self, identity: str) -> str:
        """The topic that `identity` uses: the bare one for the test client, else its own."""
        return self.topic if identity == self.test_client else self.device_topic(identity)
