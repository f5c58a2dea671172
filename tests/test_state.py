"""What is remembered across restarts, and what happens to files that say nothing usable."""

import json
import os
from pathlib import Path

import pytest

from minerbridge import runtime
from minerbridge.errors import SettingsError
from minerbridge.mqtt.publisher import Announced
from minerbridge.runtime import StateFile
from minerbridge.state import FoundMiner, MinerState, Store, state_directory
from tests.log_lines import keep
from tests.miners import profile

STATE = MinerState(
    profiles=(profile("rig1"), profile("rig1_xmrig", boards=(6, 7, 8))),
    announced={"rig1": Announced("TH/s", {"sensor_power": "sensor"})},
    found_at="192.0.2.9",
    moved_from="192.0.2.7",
)


@pytest.fixture
def file(tmp_path):
    return StateFile(tmp_path / "folder" / "m.json", MinerState)


@pytest.mark.parametrize("state", [STATE, MinerState()])
def test_what_was_saved_is_loaded(file, state):
    file.save(state)
    assert file.load() == state


def test_energy_and_found_miners_come_back(tmp_path):
    found = FoundMiner("antminer_000001", "192.0.2.8", "antminer", 4028, 1460.0)
    store = Store(tmp_path)
    store.save_energy({"m": 12.5})
    store.save_found({found.id: found})
    store.save_miner("rig1", STATE)

    again = Store(tmp_path)

    assert again.energy_kwh == {"m": 12.5}
    assert again.found == {found.id: found}
    assert again.miners == {"rig1": STATE}


def test_nothing_was_saved_yet(file):
    assert file.load() is None


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_crash_while_saving_leaves_the_old_file(file, monkeypatch, step):
    file.save(STATE)

    def crash(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os if step == "fsync" else Path, step, crash)
    with pytest.raises(KeyboardInterrupt):
        file.save(MinerState())
    monkeypatch.undo()

    assert file.load() == STATE
    file.save(MinerState())
    assert file.load() == MinerState()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"null",
        b'{"content": {}}',
        b'{"version": 1}',
        b'{"version": 0, "content": {}}',
        b'{"version": 1, "content": {"profiles": 5}}',
    ],
)
def test_a_broken_or_old_file_is_set_aside(file, monkeypatch, content):
    logged = keep(monkeypatch, runtime)
    file.path.parent.mkdir()
    file.path.write_bytes(content)

    assert file.load() is None

    (aside,) = file.path.parent.iterdir()
    assert aside.name.startswith("m.unreadable-")
    assert aside.read_bytes() == content
    assert logged.events() == ["state_set_aside"]


def test_a_file_that_may_not_be_read_is_not_overwritten_but_reported(file):
    file.path.mkdir(parents=True)  # also root cannot read a folder
    with pytest.raises(SettingsError, match=r"m\.json: Is a directory"):
        file.load()


def test_files_set_aside_are_not_taken_for_miners(tmp_path, monkeypatch):
    keep(monkeypatch, runtime)
    (tmp_path / "miners").mkdir()
    (tmp_path / "miners" / "m.json").write_text("{")
    Store(tmp_path)

    assert Store(tmp_path).miners == {}


def test_a_state_that_did_not_change_is_not_written(tmp_path):
    store = Store(tmp_path)
    store.save_miner("m", STATE)
    path = tmp_path / "miners" / "m.json"
    path.unlink()

    store.save_miner("m", MinerState(*(getattr(STATE, name) for name in STATE.__slots__)))

    assert not path.exists()


def test_a_forgotten_miner_leaves_nothing(tmp_path):
    store = Store(tmp_path)
    store.save_miner("m", STATE)
    store.save_energy({"m": 1.0, "other": 2.0})

    store.forget_miner("m")

    again = Store(tmp_path)
    assert (again.miners, again.energy_kwh) == ({}, {"other": 2.0})


def test_energy_of_other_miners_is_kept(tmp_path):
    store = Store(tmp_path)
    store.save_energy({"a": 1.0})
    store.save_energy({"b": 2.0})
    assert json.loads((tmp_path / "energy.json").read_text())["content"] == {"a": 1.0, "b": 2.0}


def test_a_miner_is_where_it_was_found_until_its_setting_changes():
    assert STATE.host("192.0.2.7") == "192.0.2.9"
    assert STATE.host("192.0.2.50") == "192.0.2.50"
    assert MinerState(found_at="192.0.2.9").host("192.0.2.7") == "192.0.2.9"
    assert MinerState().host("192.0.2.7") == "192.0.2.7"


@pytest.mark.parametrize(
    ("setting", "variables", "directory"),
    [
        ("/a", {"STATE_DIRECTORY": "/b"}, "/a"),
        (None, {"STATE_DIRECTORY": "/b:/c"}, "/b"),
        (None, {"XDG_STATE_HOME": "/d"}, "/d/minerbridge"),
        (None, {"HOME": "/e"}, "/e/.local/state/minerbridge"),
    ],
)
def test_where_state_lives(monkeypatch, setting, variables, directory):
    for name in ("STATE_DIRECTORY", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert state_directory(Path(setting) if setting else None) == Path(directory)
