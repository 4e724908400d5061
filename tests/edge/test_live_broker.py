"""Live samples from a broker of MQTT, a real one where it is installed."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cosmo_pl.edge.live import LiveRecogniser
from cosmo_pl.edge.live.mqtt import MqttSource, parse_broker
from cosmo_pl.edge.live.samples import SensorSamples, Silence
from cosmo_pl.edge.live.sources import open_source
from cosmo_pl.errors import ConfigurationError
from edge.live_fakes import FakeRecogniser


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("mqtt://box/home/+/#", ("box", 1883, "home/+/#", False, None, None)),
        ("mqtt://box:2883/acc", ("box", 2883, "acc", False, None, None)),
        ("mqtts://me:a%40b@box/acc", ("box", 8883, "acc", True, "me", "a@b")),
        ("mqtt://box:0/+/acc/+", ("box", 0, "+/acc/+", False, None, None)),
        ("mqtt://box//#", ("box", 1883, "/#", False, None, None)),
        ("mqtt://box/#", ("box", 1883, "#", False, None, None)),
    ],
)
def test_addresses_of_brokers(url, expected):
    assert parse_broker(url) == expected


@pytest.mark.parametrize(
    "url", ["box/acc", "http://box/acc", "http://box:80/acc", "mqtt://box", "mqtt:///acc", "mqtt://box:x/acc", ""]
)
def test_what_is_no_address_of_a_broker_is_refused(url):
    with pytest.raises(ConfigurationError, match=r"mqtt: .* Use mqtt://host:port/topic"):
        parse_broker(url)


@pytest.mark.parametrize("topic", ["a/#/b", "a#", "#/a", "a/b+", "+a/b", "##", "a/+#"])
def test_a_filter_that_no_broker_accepts_is_refused(topic):
    with pytest.raises(ConfigurationError, match=rf"the topic of 'mqtt://box/{re.escape(topic)}' is no filter"):
        parse_broker(f"mqtt://box/{topic}")


@pytest.mark.parametrize("place", ["box:99999/acc", "box", "/acc", "box/a#"])
@pytest.mark.parametrize("scheme", ["mqtt://", "http://", ""])
@pytest.mark.parametrize("secret", ["secret", "se/secret", "a@secret"])
def test_no_message_has_the_password(scheme, secret, place):
    with pytest.raises(ConfigurationError) as refused:
        parse_broker(f"{scheme}user:{secret}@{place}")
    assert "secret" not in str(refused.value) and "user" not in str(refused.value)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def test_a_broker_that_is_not_there_is_an_error(reporter):
    pytest.importorskip("paho")
    with pytest.raises(ConfigurationError, match=r"mqtt: no broker at 127.0.0.1:\d+ .* Start it"):
        MqttSource(f"mqtt://127.0.0.1:{free_port()}/acc", reporter)


@pytest.mark.parametrize("place", ["127.0.0.1:0", "a" * 70, "..."])
def test_a_place_where_no_broker_can_be_is_an_error(place, reporter):
    pytest.importorskip("paho")
    with pytest.raises(ConfigurationError, match=r"mqtt: no broker at .* Start it, or correct host and port"):
        MqttSource(f"mqtt://me:secret@{place}/acc", reporter)


def test_a_topic_that_the_broker_refuses_is_reported(reporter, reports, monkeypatch):
    pytest.importorskip("paho")
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.reasoncodes import ReasonCode

    monkeypatch.setattr("paho.mqtt.client.Client.connect", lambda *_, **__: None)
    client = MqttSource("mqtt://box/home/+", reporter).client
    answers = [ReasonCode(PacketTypes.SUBACK, identifier=number) for number in (1, 135)]
    client.on_subscribe(client, None, 1, answers[:1], None)
    assert not reports
    client.on_subscribe(client, None, 2, answers[1:], None)
    assert [each.problem for each in reports] == ["broker refuses"]
    assert reports[0].detail == "box:1883 refuses the topic 'home/+' (Not authorized)"


def test_two_sources_are_refused(reporter):
    with pytest.raises(ConfigurationError, match="from a broker or from a recording"):
        open_source(FakeRecogniser(), reporter, "somewhere", True, "mqtt://box/acc")


def found_mosquitto() -> str:
    path = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/sbin")
    if path is None:
        pytest.skip("mosquitto is not installed (Debian: apt-get install mosquitto)")
    return path


def started_broker(port: int, folder: Path) -> subprocess.Popen[bytes]:
    config = folder / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n", encoding="utf-8")
    broker = subprocess.Popen([found_mosquitto(), "-c", str(config)], stdout=-3, stderr=-3)
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return broker
        time.sleep(0.05)
    raise AssertionError("mosquitto does not start")


def stopped(broker: subprocess.Popen[bytes]) -> None:
    broker.terminate()
    broker.wait(10)


def test_samples_from_a_broker_that_goes_away_and_comes_back(tmp_path, reporter, reports):
    pytest.importorskip("paho")
    from paho.mqtt.publish import single

    port, model = free_port(), FakeRecogniser({"acc": (20, 3)}, {})
    broker = started_broker(port, tmp_path)
    source = MqttSource(f"mqtt://127.0.0.1:{port}/home/+", reporter, quiet=0.2)
    found: list[str] = []
    live = LiveRecogniser(model, hop=1.0, reporter=reporter)

    def take(until: float, wanted: int) -> None:
        for item in stream:
            if isinstance(item, SensorSamples):
                found.extend(str(window.start) for window in live.push(item.sensor, item.time, item.values))
            if len(found) >= wanted or time.monotonic() > until:
                return

    def publish(second: int) -> None:
        times = [second + each / 10 for each in range(10)]
        line = json.dumps({"sensor": "acc", "time": times, "values": [[0.1, 0.2, 0.3]] * 10})
        single("home/acc", f"{line}\nnonsense", qos=1, hostname="127.0.0.1", port=port)

    stream: Iterator[SensorSamples | Silence] = iter(source)
    try:
        assert isinstance(next(stream), Silence)  # connected, subscribed, and nothing is published
        for second in range(3):
            publish(second)
        take(time.monotonic() + 20, 2)
        assert found == ["0.0", "1.0"]
        stopped(broker)
        for item in stream:
            if any(report.problem == "broker lost" for report in reports):
                break
            assert isinstance(item, Silence)
        broker = started_broker(port, tmp_path)
        for _ in stream:
            if any(report.problem == "broker back" for report in reports):
                break
        time.sleep(0.3)  # until it is subscribed again
        for second in range(10, 13):
            publish(second)
        take(time.monotonic() + 20, 4)
    finally:
        stream.close()  # type: ignore[attr-defined]
        stopped(broker)
    assert found == ["0.0", "1.0", "10.0", "11.0"]
    assert reporter.summary()["broken line"] == {"": 5}  # it was stopped before the last one
