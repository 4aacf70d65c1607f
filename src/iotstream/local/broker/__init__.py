"""An MQTT broker that takes client certificates only, with an IoT policy for each device.

`python -m iotstream.local.broker --directory DIR` starts one: Mosquitto where it is installed, else the
embedded broker. `DIR` becomes (or is) a certificate authority, see `iotstream.local.pki`.
"""

from iotstream.local.broker.policy import DEFAULT_TOPIC, RULE_ENGINE, TEST_CLIENT, Policy

__all__ = ["DEFAULT_TOPIC", "RULE_ENGINE", "TEST_CLIENT", "Policy"]
