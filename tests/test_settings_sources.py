"""Settings from the environment and from credential files; secrets stay secret."""

import traceback
from typing import Any

import pytest

from minerbridge.errors import SettingsError
from minerbridge.settings import Settings
from minerbridge.settings_load import load

SECRET = "hunter2"


@pytest.fixture
def file(tmp_path):
    def write(text):
        path = tmp_path / "config.yaml"
        path.write_text(text)
        return path

    return write


@pytest.fixture
def credentials(tmp_path, monkeypatch):
    folder = tmp_path / "credentials"
    folder.mkdir()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))

    def write(name, content=f"{SECRET}\n"):
        (folder / name).write_text(content)

    return write


def loaded(path=None) -> Any:
    return load(path)


def complaint(path=None):
    with pytest.raises(SettingsError) as caught:
        load(path)
    return str(caught.value)


def test_any_key_can_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("MINERBRIDGE_MQTT__HOST", "broker")
    monkeypatch.setenv("MINERBRIDGE_MQTT__TLS__INSECURE", "true")
    monkeypatch.setenv("MINERBRIDGE_DISCOVERY__NETWORKS", '["192.0.2.0/24"]')

    found = loaded(None)

    assert found.mqtt.host == "broker"
    assert found.mqtt.tls.insecure
    assert str(found.discovery.networks[0]) == "192.0.2.0/24"


def test_an_empty_variable_says_nothing(monkeypatch):
    monkeypatch.setenv("MINERBRIDGE_MQTT__PASSWORD", "")
    monkeypatch.setenv("POLL_INTERVAL_SECONDS", "")
    assert load(None) == Settings()


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("MINERBRIDGE_MQTT__PORT", "banana", "environment MINERBRIDGE_MQTT__PORT: mqtt.port: 'ban"),
        ("MINERBRIDGE_MQTT__PROT", "1", "environment MINERBRIDGE_MQTT__PROT: mqtt.prot: unknown k"),
        ("POLL_INTERVAL_SECONDS", "x", "environment POLL_INTERVAL_SECONDS: poll_interval_s: 'x':"),
        ("MINERBRIDGE_MQTT", "{", 'environment: expected JSON for field "mqtt"'),
        (
            "MINERBRIDGE_MQTT_PORT",
            "1",
            "environment: MINERBRIDGE_MQTT_PORT: unknown; did you mean MINERBRIDGE_MQTT__PORT?",
        ),
    ],
)
def test_a_mistake_in_the_environment_names_the_variable(file, monkeypatch, variable, value, said):
    monkeypatch.setenv(variable, value)
    assert complaint(file("log: {level: debug}")).startswith(said)


@pytest.mark.parametrize("name", ["MINERBRIDGE_PORT", "MINERBRIDGE_SERVICE_HOST"])
def test_variables_of_others_with_our_prefix_are_left_alone(monkeypatch, name):
    monkeypatch.setenv(name, "tcp://10.0.0.1:1")
    assert load(None) == Settings()


@pytest.mark.parametrize(
    ("variable", "value", "found"),
    [
        ("MINER_DISCOVERY_ENABLED", "true", lambda s: s.discovery.enabled is True),
        ("MINER_NETWORK_CIDR", "10.1.0.0/24", lambda s: s.discovery.networks[0].prefixlen == 24),
        ("MINER_NETWORK_CIDR", "192.0.2.0/25, 10.0.0.1", lambda s: len(s.discovery.networks) == 2),
        ("POLL_INTERVAL_SECONDS", "5", lambda s: s.poll_interval_s == 5),
        ("SNAPSHOT_INTERVAL_SECONDS", "30", lambda s: s.history.snapshot_interval_s == 30),
        ("SNAPSHOT_RETENTION_HOURS", "48", lambda s: s.history.snapshot_retention_h == 48),
        ("POWER_CONTROL_MODE", "frequency", lambda s: s.fleet.power_control_mode == "frequency"),
        ("RATED_POWER_KW", "2.92", lambda s: s.fleet.rated_power_kw_override == 2.92),
        ("RATED_POWER_KW", "Auto", lambda s: s.fleet.rated_power_kw_override is None),
    ],
)  # fmt: skip
def test_the_variables_of_the_net_stabilization_server_are_taken(
    monkeypatch, variable, value, found
):
    monkeypatch.setenv(variable, value)
    assert found(load(None))


def test_passwords_come_from_credential_files(file, credentials):
    for name in ("mqtt_password", "miner_a_b_password", "credentials_antminer_password"):
        credentials(name)
    credentials("mqtt_username", "me")
    credentials("something_else", "x")

    found = loaded(file("miners: [{id: a_b, host: h, name: A}, {id: c, host: i}]"))

    assert found.mqtt.username == "me"
    assert found.mqtt.password.get_secret_value() == SECRET
    assert found.miners[0].password.get_secret_value() == SECRET
    assert (found.miners[0].name, found.miners[1].password) == ("A", None)
    assert found.credentials["antminer"].password.get_secret_value() == SECRET


def test_blanks_belong_to_a_password_and_the_end_of_the_line_does_not(credentials):
    credentials("mqtt_password", " a b \r\n")
    assert loaded().mqtt.password.get_secret_value() == " a b "


def test_a_credential_that_is_no_text_is_said_so(credentials, tmp_path):
    (tmp_path / "credentials" / "mqtt_password").write_bytes(b"\xff\xff")
    assert complaint().endswith("mqtt_password: not a text file in UTF-8")


def test_a_missing_credentials_folder_is_none(monkeypatch):
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/nonexistent")
    assert load(None) == Settings()


def test_environment_outranks_credential_seed_variable_and_file(file, credentials, monkeypatch):
    path = file("{poll_interval_s: 1, mqtt: {password: of-the-file, username: me}}")
    credentials("mqtt_password")
    monkeypatch.setenv("POLL_INTERVAL_SECONDS", "2")
    middle = loaded(path)
    monkeypatch.setenv("MINERBRIDGE_POLL_INTERVAL_S", "3")
    monkeypatch.setenv("MINERBRIDGE_MQTT__PASSWORD", "of-the-environment")
    top = loaded(path)

    assert (middle.poll_interval_s, top.poll_interval_s) == (2, 3)
    assert middle.mqtt.password.get_secret_value() == SECRET
    assert top.mqtt.password.get_secret_value() == "of-the-environment"
    assert top.mqtt.username == "me"


SECRETS = f"""
mqtt: {{password: {SECRET}}}
credentials: {{antminer: {{password: {SECRET}}}}}
miners: [{{id: a, host: h, password: {SECRET}}}]
pool_profiles: {{home: [{{url: x, user: y, password: {SECRET}}}]}}
rig_monitor: {{miners: {{a: {{api_code: {SECRET}}}}}}}
"""


def test_no_secret_is_in_any_text_of_the_settings(file):
    found = loaded(file(SECRETS))

    for text in (repr(found), str(found), found.model_dump_json(), repr(found.model_dump())):
        assert SECRET not in text


@pytest.mark.parametrize(
    "text",
    [
        f"mqtt: {{pasword: {SECRET}}}",
        f"mqtt: {{password: [{SECRET}]}}",
        f"mqtt: user:{SECRET}@broker",
        f"mqtt: {{host: 'mqtt://user:{SECRET}@broker'}}",
        f"credentials: {SECRET}",
        f"credentials: {{antminer: {SECRET}}}",
        f"pool_profiles: {{home: {SECRET}}}",
        f"rig_monitor: {{miners: {{a: {SECRET}}}}}",
        SECRETS + "banana: 1",
    ],
)
def test_no_mistake_repeats_a_secret(file, text):
    with pytest.raises(SettingsError) as caught:
        load(file(text))
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_no_mistake_of_the_environment_repeats_a_secret(monkeypatch):
    monkeypatch.setenv("MINERBRIDGE_MQTT", f'{{"password": "{SECRET}"')
    with pytest.raises(SettingsError) as caught:
        load(None)
    assert SECRET not in "".join(traceback.format_exception(caught.value))
