"""Samples from a broker of MQTT."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from cosmo_pl.edge.live.lines import QUIET, Lines
from cosmo_pl.edge.live.reports import Reporter
from cosmo_pl.edge.live.samples import SensorSamples, Silence
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.extras import require

PORTS = {"mqtt": 1883, "mqtts": 8883}
FORM = "Use mqtt://host:port/topic, or mqtts:// for TLS"
LEVEL = r"(\+|[^+#/]*)"
FILTER = re.compile(rf"#|{LEVEL}(/{LEVEL})*(/#)?")  # of topics
SLOWEST = 30  # seconds between two attempts to connect again


class Broker(NamedTuple):
    """The address of a topic.

    Attributes:
        host: Name of the broker's machine.
        port: Its port.
        topic: Topic, or a filter with + and #.
        tls: Whether the connection is encrypted.
        user: Name of the user; None without one.
        password: Password; None without one.
    """

    host: str
    port: int
    topic: str
    tls: bool
    user: str | None
    password: str | None


def parse_broker(url: str) -> Broker:
    """Reads ``mqtt://[user:password@]host[:port]/topic``.

    Raises:
        ConfigurationError: It is none.
    """
    shown = re.sub(r"^(\w*://)?.*@", r"\1", url, flags=re.DOTALL)  # no password in a message
    address, _, topic = url.partition("://")[2].partition("/")
    try:
        found = urlsplit(f"{url.partition('://')[0]}://{address}")
        usual = PORTS[found.scheme]
        port = usual if found.port is None else found.port
    except (ValueError, KeyError) as error:
        raise ConfigurationError("mqtt", f"'{shown}' is no address of a broker", FORM) from error
    if not found.hostname or not topic:
        raise ConfigurationError("mqtt", f"'{shown}' lacks {'a topic' if found.hostname else 'a host'}", FORM)
    if not FILTER.fullmatch(topic):  # paho would raise an error in its own thread, which then ends unnoticed
        remedy = "Use + as a whole level alone, and # as the whole last one"
        raise ConfigurationError("mqtt", f"the topic of '{shown}' is no filter", remedy)
    user, password = (None if each is None else unquote(each) for each in (found.username, found.password))
    return Broker(found.hostname, port, topic, found.scheme == "mqtts", user, password)


class MqttSource:
    """Samples that are published on a topic: each message is a line of JSON, or several lines.

    The connection is made again whenever it is lost. That is reported, as is its return.

    Args:
        url: ``mqtt://host:port/topic``.
        reporter: Gets what is wrong.
        quiet: See `Lines`.

    Raises:
        ConfigurationError: The address is none, there is no broker, or paho-mqtt is not installed.
    """

    def __init__(self, url: str, reporter: Reporter, quiet: float = QUIET) -> None:
        require("paho", "mqtt")
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        self.broker, self.reporter = parse_broker(url), reporter
        self._lines, self._connected = Lines(reporter, quiet), False
        self.client = Client(CallbackAPIVersion.VERSION2)
        if self.broker.user is not None:
            self.client.username_pw_set(self.broker.user, self.broker.password)
        if self.broker.tls:
            self.client.tls_set()
        self.client.reconnect_delay_set(1, SLOWEST)
        self.client.on_connect, self.client.on_disconnect = self._on_connect, self._on_disconnect
        self.client.on_message, self.client.on_subscribe = self._on_message, self._on_subscribe
        try:
            self.client.connect(self.broker.host, self.broker.port, keepalive=SLOWEST)
        except (OSError, ValueError) as error:  # ValueError: of a name that no machine can have, and of port 0
            problem = f"no broker at {self._address} ({error})"
            raise ConfigurationError("mqtt", problem, "Start it, or correct host and port") from error

    @property
    def _address(self) -> str:
        return f"{self.broker.host}:{self.broker.port}"

    def _on_connect(self, client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self.reporter.report("broker refuses", f"{self._address} refuses the connection ({reason})")
            return
        client.subscribe(self.broker.topic, qos=1)  # again after every loss: the broker may have forgotten it
        if self._connected:
            self.reporter.report("broker back", f"connected to {self._address} again")
        self._connected = True

    def _on_subscribe(self, _client: Any, _data: Any, _mid: int, reasons: Any, _properties: Any) -> None:
        for reason in reasons:
            if reason.is_failure:
                problem = f"{self._address} refuses the topic '{self.broker.topic}' ({reason})"
                self.reporter.report("broker refuses", problem)

    def _on_disconnect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self.reporter.report("broker lost", f"{self._address} is gone ({reason}); trying to connect again")

    def _on_message(self, _client: Any, _data: Any, message: Any) -> None:
        for line in message.payload.splitlines():
            self._lines.offer(line)

    def __iter__(self) -> Iterator[SensorSamples | Silence]:
        """Samples as they are published, without end."""
        self.client.loop_start()
        try:
            yield from self._lines
        finally:
            self.client.disconnect()
            self.client.loop_stop()
