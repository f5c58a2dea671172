"""The settings file: what an operator writes, and what is said about a mistake."""

import re
from pathlib import Path

import pytest
import yaml

from minerbridge.errors import SettingsError
from minerbridge.settings import Settings
from minerbridge.settings_load import load
from minerbridge.settings_mistakes import places

EXAMPLE = Path(__file__).parent.parent / "config.example.yaml"


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "config.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def complaint(path):
    with pytest.raises(SettingsError) as caught:
        load(path)
    return str(caught.value)


def test_without_a_file_everything_has_a_default():
    assert load(None) == Settings()


def test_the_example_says_the_defaults():
    assert load(EXAMPLE) == Settings()


def test_the_example_names_every_key():
    text = EXAMPLE.read_text()
    missing = [place for place in places(Settings) if not re.search(rf"\b{place[-1]}:", text)]

    assert missing == []


def test_the_commented_miner_of_the_example_is_one():
    lines = EXAMPLE.read_text().splitlines()
    miner = [line[2:] for line in lines if re.match(r"#( {3}|  *- )\w", line)]
    tree = yaml.safe_load("\n".join(miner))

    assert Settings(miners=[drop_placeholders(tree[0])]).miners[0].id == "miner_1"


def drop_placeholders(tree):
    return {key: value for key, value in tree.items() if value is not None}


@pytest.mark.parametrize("text", ["", "# nothing\n", "mqtt:\n# host: x\nminers:\n", "mqtt: {}"])
def test_what_is_left_empty_has_its_defaults(written, text):
    assert load(written(text)) == Settings()


#: (what is written, what must be said after the file's name)
MISTAKES = {
    "misspelt": ("mqtt: {prot: 1}", "mqtt.prot: unknown key; did you mean 'port'?"),
    "misspelt section": ("mqt: {}", "mqt: unknown key; did you mean 'mqtt'?"),
    "misspelt in a list": (
        "miners: [{id: a, host: h, famly: x}]",
        "miners[0].famly: unknown key; did you mean 'family'?",
    ),
    "misspelt in a mapping": (
        "credentials: {antminer: {user: x}}",
        "credentials.antminer.user: unknown key; did you mean 'username'?",
    ),
    "other section": ("keepalive_s: 3", "keepalive_s: unknown key; did you mean 'mqtt.keepalive"),
    "no such key": ("banana: 1", "banana: unknown key"),
    "an option of the library": ("_env_file: x", "_env_file: unknown key"),
    "type": ("mqtt: {port: banana}", "mqtt.port: 'banana': expected a valid integer"),
    "flag": ("mqtt: {discovery: 7}", "mqtt.discovery: 7: expected true or false"),
    "flag as number": ("mqtt: {port: yes}", "mqtt.port: True: true and false are not taken here"),
    "number as text": ("miners: [{id: 5, host: h}]", "miners[0].id: expected text: put it in q"),
    "range": ("mqtt: {port: 70000}", "mqtt.port: 70000: expected less than or equal to 65535"),
    "choice": ("log: {level: loud}", "log.level: 'loud': expected 'debug', 'info', 'warning' or"),
    "two kinds": (
        "fleet: {after_expiry: later}",
        "fleet.after_expiry: 'later': expected 'hold' or 'release' or a valid number",
    ),
    "nan": ("poll_interval_s: .nan", "poll_interval_s: nan: expected a finite number"),
    "infinity": ("offline_after_s: .inf", "offline_after_s: inf: expected a finite number"),
    "missing": ("miners: [{host: h}]", "miners[0].id: missing"),
    "no list": ("miners: {id: a}", "miners: expected a list"),
    "no mapping": ("mqtt: localhost", "mqtt: expected key: value lines below it"),
    "duplicate id": (
        "miners: [{id: a, host: h}, {id: a, host: i}]",
        "miners: the id 'a' is used twice",
    ),
    "reserved id": (
        "miners: [{id: fleet, host: h}]",
        "miners[0].id: 'fleet': fleet and bridge are devices of the bridge itself",
    ),
    "id of a site's own device": (
        "{site: a, miners: [{id: a_bridge, host: h}]}",
        "miners: 'a_bridge' is a device of the bridge itself",
    ),
    "letters of an id": (
        "miners: [{id: Miner 1, host: h}]",
        "miners[0].id: 'Miner 1': expected 1 to 64 of a-z, 0-9, _ and -",
    ),
    "address as URL": ("mqtt: {host: 'mqtt://h'}", "mqtt.host: 'mqtt://h': expected a host name"),
    "address with port": ("mqtt: {host: 'h:1883'}", "mqtt.host: 'h:1883': expected a host name"),
    "topic": ("mqtt: {birth_topic: 'a/#'}", "mqtt.birth_topic: 'a/#': expected 1 to 200"),
    "slash": ("mqtt: {base_topic: 'a/'}", "mqtt.base_topic: 'a/': expected no / or blank"),
    "one network": ("discovery: {networks: 192.0.2.0/24}", "discovery.networks: '192.0.2.0/24': e"),
    "no network": ("discovery: {networks: [x]}", "discovery.networks: 'x' does not appear to be"),
    "large network": (
        "discovery: {networks: [10.0.0.0/8]}",
        "discovery.networks: together more than 4096 addresses",
    ),
    "networks together": (
        "discovery: {networks: [10.0.0.0/20, 10.1.0.0/32]}",
        "discovery.networks: together more than 4096 addresses",
    ),
    "limits crossed": (
        "miners: [{id: a, host: h, limits: {min_power_w: 2, max_power_w: 1}}]",
        "miners[0].limits: min_power_w is above max_power_w",
    ),
    "circuit": (
        "miners: [{id: a, host: h, circuit: pdu}]",
        "miners: a: no circuit 'pdu' in the fleet's",
    ),
    "no pools": ("pool_profiles: {home: []}", "pool_profiles: home: expected at least one pool"),
    "duplicate key": (
        "mqtt: {port: 1, port: 2}",
        "line 1, column 17: the key 'port' is given twice",
    ),
    "tab": ("mqtt:\n\thost: h", "line 2, column 1: found character '\\t' that cannot start"),
    "syntax": ("mqtt: [", "line 1, column 8: expected the node content, but found"),
    "list as key": ("? [1]\n: 2", "line 1, column 3: expected a name as key"),
    "control character": ("a\0b", "unacceptable character #x0000"),
    "a list": ("- a", "expected settings as 'key: value' lines at the top level"),
    "a number as key": ("1: 2", "expected settings as 'key: value' lines at the top level"),
    "not text": (b"\xff\xfe\xfa", "not a text file in UTF-8"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_line_with_file_key_value_and_what_is_allowed(written, name):
    text, words = MISTAKES[name]
    path = written(text)

    said = complaint(path)

    assert said.startswith(f"{path}: {words}"), said
    assert "\n" not in said


def test_every_mistake_has_its_line(written):
    said = complaint(written("mqtt: {port: 0}\nlog: {level: loud}\nbanana: 1"))

    assert len(said.splitlines()) == 3


def test_a_missing_file_is_said_so(tmp_path):
    assert complaint(tmp_path / "none.yaml").endswith("none.yaml: No such file or directory")


def test_a_folder_is_no_file(tmp_path):
    assert complaint(tmp_path).endswith("Is a directory")


def test_an_unreadable_file_is_said_so(written, monkeypatch):
    path = written("{}")

    def refuse(self, **_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_text", refuse)
    assert complaint(path) == f"{path}: Permission denied"


def test_an_anchor_may_be_merged(written):
    path = written(
        "miners:\n  - &first {id: a, host: h, family: cgminer}\n  - {<<: *first, id: b}\n"
    )

    assert [miner.family for miner in load(path).miners] == ["cgminer", "cgminer"]


def test_protocol_5_needs_no_quotes(written):
    assert load(written("mqtt: {protocol: 5}")).mqtt.protocol == "5"


def test_a_path_may_begin_at_home(written, monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert load(written("files: {state: ~/state}")).files.state == Path("/home/me/state")
