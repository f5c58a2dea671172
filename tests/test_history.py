"""The history: what is told is kept, in order, with its outcome, and no longer than set."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections import deque
from dataclasses import replace
from datetime import UTC, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minerbridge.errors import BridgeError
from minerbridge.fleet import history, history_schema, history_writer
from minerbridge.fleet.history_backlog import Batch
from minerbridge.fleet.history_read import HistoryReader
from minerbridge.fleet.history_rows import FleetSnapshot, MinerSnapshot, Minute, Outcome
from minerbridge.fleet.history_writer import Writer
from minerbridge.model_fleet import HistoryEntry
from tests.history_rig import MINER, NOON, HistoryRig, entry, status
from tests.log_lines import keep
from tests.waiting import until

ENTRY = entry("x", success=True, message="Fleet activated at 2.0 kW", state="achieved")


@pytest.fixture
def rig(tmp_path):
    rig = HistoryRig(tmp_path)
    rig.start()
    yield rig
    rig.stop()


def writer(folder, snapshots=timedelta(hours=24), commands=timedelta(days=90)):
    return Writer(Path(folder) / "history.db", snapshots, commands)


def batch(*items):
    return Batch(commands=deque(items))


# -- commands --------------------------------------------------------------------------------


def test_a_command_is_kept_with_source_parameters_and_outcome(rig):
    rig.history.command(ENTRY)
    rig.has("x")
    assert rig.history.commands(10, 0) == ([ENTRY], 1)


def test_the_real_outcome_replaces_what_was_not_known_yet(rig):
    rig.history.command(entry("a"))
    rig.has("a")
    assert rig.history.commands(1, 0)[0][0].success is None

    rig.history.outcome("a", success=False, state="aborted", message="FLEET_OFFLINE")

    until(lambda: rig.history.commands(1, 0)[0][0].success is False, 5, "the outcome")
    (found,), _ = rig.history.commands(1, 0)
    assert found == entry("a", success=False, state="aborted", message="FLEET_OFFLINE")


def test_a_command_told_again_is_one_row_in_its_newest_words(rig):
    rig.history.command(entry("a", message="old"))
    rig.history.command(entry("b", NOON + timedelta(seconds=1)))
    rig.history.command(entry("a", message="new"))
    rig.has("b", "a")
    assert rig.history.commands(1, 1)[0][0].message == "new"


def test_an_outcome_of_nothing_is_nothing(rig):
    rig.history.outcome("never", success=True, state=None, message="")
    rig.history.command(entry("a"))
    rig.has("a")


@pytest.mark.parametrize(
    ("given_", "kept"),
    [
        ({"password": "hunter2", "power_kw": 1}, {"password": "**********", "power_kw": 1}),
        ({"url": "stratum://me:x@pool"}, {"url": "stratum://**********@pool"}),
        ({"at": NOON}, {"at": str(NOON)}),
        ({"power_kw": float("nan")}, {"text": "{'power_kw': nan}"}),
        ({("a", 1): 2}, {"('a', 1)": 2}),
        ({"a": {("b",): 1, "pwd": 2}}, {"text": "{'a': {('b',): 1, 'pwd': '**********'}}"}),
        ({"word": "half \ud800 pair"}, {"word": "half \ud800 pair"}),
    ],
)
def test_parameters_are_kept_without_secrets_whatever_they_are(rig, given_, kept):
    rig.history.command(entry("a", parameters=given_))
    rig.has("a")
    assert rig.history.commands(1, 0)[0][0].parameters == kept


def test_text_that_is_no_text_is_kept_as_far_as_it_is(rig):
    rig.history.command(entry("a", message="\ud800\0ä"))
    rig.has("a")
    assert rig.history.commands(1, 0)[0][0].message == "?\0ä"


def test_an_entry_that_cannot_be_written_fails_alone(rig, monkeypatch):
    logged = keep(monkeypatch, history_writer)
    rig.history.command(entry("a"))
    rig.history.command(entry("c", parameters=5))  # a defect elsewhere
    rig.history.command(entry("b", NOON + timedelta(1)))
    rig.has("b", "a")
    assert rig.history.dropped == 1
    assert logged.events() == ["history_entry_unusable"]


TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)
ZONES = st.sampled_from([UTC, timezone(timedelta(hours=-9)), timezone(timedelta(hours=13))])
FIRST, LAST = (NOON.replace(tzinfo=None, year=year) for year in (2, 9998))
ENTRIES = st.builds(
    entry,
    TEXT,
    st.datetimes(FIRST, LAST, timezones=ZONES),
    source=TEXT,
    parameters=st.dictionaries(st.sampled_from(["power_kw", "mode", "x"]), JSON),
    success=st.none() | st.booleans(),
    state=st.none() | TEXT,
    message=TEXT,
)
OUTCOMES = st.builds(Outcome, TEXT, st.none() | st.booleans(), st.none() | TEXT, TEXT)


@settings(deadline=None, max_examples=60)
@given(st.lists(ENTRIES | OUTCOMES, max_size=12), st.integers(0, 14), st.integers(0, 14))
def test_pages_are_the_newest_first_whatever_came_in_which_order(items, limit, offset):
    order: dict[str, int] = {}
    model: dict[str, HistoryEntry] = {}
    for item in items:
        if not isinstance(item, Outcome):
            order.setdefault(item.id, len(order))
            model[item.id] = item
        elif item.id in model:
            model[item.id] = replace(
                model[item.id], success=item.success, state=item.state, message=item.message
            )  # fmt: skip
    newest = sorted(model.values(), key=lambda e: (e.at, order[e.id]), reverse=True)
    with tempfile.TemporaryDirectory() as folder:
        rig = HistoryRig(Path(folder))
        writing = writer(folder)
        writing.write(batch(*items))
        assert rig.history.commands(limit, offset) == (newest[offset : offset + limit], len(model))
        writing.write(batch(*items))
        assert rig.history.commands(20, 0)[0] == newest, "writing twice is writing once"
        writing.close()


# -- minutes and snapshots -------------------------------------------------------------------


def test_a_minute_of_an_order_is_one_row_and_the_last_word_stays(rig):
    for second, active_w in ((0, None), (30, 1500.04), (59, 1600.0)):
        rig.history.minute("o1", NOON + timedelta(seconds=second), 2000.0, 1950.0, active_w)
    rig.history.minute("o1", NOON + timedelta(seconds=60), 2000.0, None, None)
    rig.history.minute("o2", NOON, 5.0, 5.0, 5.0)
    rig.stop()

    first, later = Minute("o1", NOON, 2000.0, 1950.0, 1600.0), NOON + timedelta(minutes=1)
    assert list(rig.history.minutes("o1", None, None)) == [
        first,
        Minute("o1", later, 2000.0, None, None),
    ]
    assert list(rig.history.minutes(None, NOON, later)) == [
        first,
        Minute("o2", NOON, 5.0, 5.0, 5.0),
    ]
    assert list(rig.history.minutes(None, NOON + timedelta(seconds=1), later)) == []


@settings(deadline=None, max_examples=40)
@given(
    st.sets(st.tuples(st.integers(0, 9), st.sampled_from("abc"))),
    st.none() | st.sampled_from("abc"),
    st.none() | st.integers(0, 9),
    st.none() | st.integers(0, 9),
)
def test_minutes_come_in_pages_without_gap_or_repetition(keys, order, since, until_):
    at: list[Any] = [NOON + timedelta(minutes=number) for number in range(10)]
    minutes = {(o, at[n]): Minute(o, at[n], float(n), None, 0.0) for n, o in keys}
    wanted = [
        minutes[o, at[n]]
        for n, o in sorted(keys)
        if order in (None, o) and (since or 0) <= n and (until_ is None or n < until_)
    ]
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr("minerbridge.fleet.history_read.PAGE_ROWS", 2)
        writing = writer(folder)
        writing.write(Batch(minutes=minutes))
        start, end = (None if n is None else at[n] for n in (since, until_))
        found = HistoryRig(Path(folder)).history.minutes(order, start, end)
        assert list(found) == wanted
        writing.close()


def test_a_snapshot_keeps_the_fleet_and_each_miner(rig):
    silent = MinerSnapshot("m2", False, "unknown")
    rig.history.snapshot(status(active_power_w=3250.4, hashrate_hs=9.5e13), [MINER, silent])
    rig.history.snapshot(status(NOON + timedelta(minutes=1)), [silent])
    rig.stop()

    later = NOON + timedelta(minutes=1)
    reader = HistoryReader(rig.path)
    assert list(reader.miner("m1", None, None)) == [(NOON, 1, "mining", 3250.0, None, 9.5e13, 65.3)]
    assert [row[:4] for row in reader.miner("m2", None, None)] == [
        (NOON, 0, "unknown", None),
        (later, 0, "unknown", None),
    ]
    assert [row[0] for row in reader.miner("m2", NOON + timedelta(seconds=1), None)] == [later]
    assert [row[0] for row in reader.miner("m2", None, later)] == [NOON]
    assert list(reader.miner("m3", None, None)) == []
    assert [row[:3] for row in reader.fleet(None, later)] == [(NOON, "active", 3250.0)]
    fleets = rig.rows("SELECT state, rated_w, active_w, hashrate_hs, total FROM fleet_snapshots")
    assert fleets == [("active", 3250.0, 3250.0, 9.5e13, 1), ("active", 3250.0, None, None, 1)]


# -- retention -------------------------------------------------------------------------------


def full_of_age(folder, hours):
    """A database with one command, minute and snapshot at each of *hours* before noon."""
    writing = writer(folder)
    for age_h in hours:
        at = NOON - timedelta(hours=age_h)
        writing.write(
            Batch(
                commands=batch(entry(f"{age_h}", at)).commands,
                minutes={("o", at): Minute("o", at, 1.0, 1.0, 1.0)},
                snapshots=deque([FleetSnapshot(status(at), (MINER,) * 3)]),
            )
        )
    writing.close()


TABLES = ("commands", "minutes", "fleet_snapshots", "miner_snapshots")
COUNTS = [f"SELECT count(*) FROM {table}" for table in TABLES]


def test_what_is_older_than_set_goes_and_the_rest_stays(tmp_path):
    full_of_age(tmp_path, (0, 23.9, 24.1, 47.9, 48.1))
    rig = HistoryRig(tmp_path, snapshot_retention_h=24.0, command_retention_d=2.0)
    rig.start()
    until(lambda: rig.rows(COUNTS[2]) == [(2,)], 5, "old snapshots to go")
    rig.stop()
    assert [rig.rows(one)[0][0] for one in COUNTS] == [4, 4, 2, 2]


def test_retention_comes_every_hour(tmp_path, monkeypatch):
    monkeypatch.setattr(history, "PRUNE_EVERY_S", 0.1)
    full_of_age(tmp_path, (0,))
    rig = HistoryRig(tmp_path)
    rig.start()
    rig.has("0")
    rig.later(hours=25)
    until(lambda: rig.rows(COUNTS[2]) == [(0,)], 5, "the snapshot to go")
    rig.stop()
    assert rig.rows(COUNTS[0]) == [(1,)]


def test_a_lot_of_old_rows_goes_in_parts_and_the_file_shrinks(tmp_path, monkeypatch):
    monkeypatch.setattr(history_writer, "PRUNED_AT_ONCE", 400)
    writing = writer(tmp_path)
    miners = tuple(MinerSnapshot(f"m{n}", True, "mining" * 20, 1.0) for n in range(1000))
    for minute in range(10):
        snapshot = FleetSnapshot(status(NOON + timedelta(minutes=minute)), miners)
        writing.write(Batch(snapshots=deque([snapshot])))
    writing.close()
    size = writing._path.stat().st_size

    parts = 1
    while writing.prune(NOON + timedelta(days=2)):
        parts += 1
    writing.close()

    assert parts >= 10_000 / 400
    assert HistoryRig(tmp_path).rows(COUNTS[3]) == [(0,)]
    assert writing._path.stat().st_size < size / 4


def test_any_retention_that_can_be_set_can_be_kept(tmp_path):
    rig = HistoryRig(tmp_path, snapshot_retention_h=1e300, command_retention_d=1e300)
    rig.start().command(entry("a"))
    rig.has("a")
    rig.stop()
    assert rig.history.problem is None


# -- schema ----------------------------------------------------------------------------------


def test_a_new_database_is_versioned_in_wal_mode_and_can_shrink(rig):
    rig.history.command(entry("a"))
    rig.has("a")
    found = [rig.rows(f"PRAGMA {name}") for name in ("user_version", "journal_mode", "auto_vacuum")]
    assert found == [[(1,)], [("wal",)], [(2,)]]


def test_an_older_database_is_brought_up_step_by_step(tmp_path, monkeypatch):
    full_of_age(tmp_path, (0,))
    steps = ("ALTER TABLE commands ADD COLUMN note TEXT", "UPDATE commands SET note = 'kept'")
    monkeypatch.setattr(history_schema, "MIGRATIONS", (*history_schema.MIGRATIONS, steps))
    rig = HistoryRig(tmp_path)
    rig.start()
    until(lambda: rig.rows("PRAGMA user_version") == [(2,)], 5, "the migration")
    rig.stop()
    assert rig.rows("SELECT id, note FROM commands") == [("0", "kept")]


def test_a_migration_that_fails_leaves_the_old_version_whole(tmp_path, monkeypatch):
    full_of_age(tmp_path, (0,))
    steps = ("DROP TABLE minutes", "SELECT no_such_thing")
    monkeypatch.setattr(history_schema, "MIGRATIONS", (*history_schema.MIGRATIONS, steps))
    with pytest.raises(sqlite3.OperationalError, match="no_such_thing"):
        writer(tmp_path).write(Batch())
    found = HistoryRig(tmp_path).rows("SELECT count(*), (SELECT 1) FROM minutes")
    assert found == [(1, 1)]
    assert HistoryRig(tmp_path).rows("PRAGMA user_version") == [(1,)]


# -- reading and ending ----------------------------------------------------------------------


def test_asking_before_there_is_anything_says_so(tmp_path):
    rig = HistoryRig(tmp_path)
    with pytest.raises(BridgeError, match=r"history\.db: there is no history yet"):
        rig.history.commands(1, 0)
    with pytest.raises(BridgeError, match="no history yet"):
        next(rig.history.minutes(None, None, None))
    assert list(tmp_path.iterdir()) == []


def test_a_stop_writes_what_waits(tmp_path):
    rig = HistoryRig(tmp_path)
    rig.start()
    rig.history.minute("o", NOON, 1.0, 1.0, 1.0)
    rig.history.snapshot(status(), [MINER])
    rig.history.command(entry("a"))
    rig.stop()
    assert [rig.rows(one)[0][0] for one in COUNTS] == [1, 1, 1, 1]
    assert [path.name for path in tmp_path.iterdir()] == ["history.db"], "no log is left over"


WRITES_UNTIL_KILLED = """
import sys
from datetime import timedelta
from pathlib import Path
from tests.history_rig import HistoryRig, MINER, NOON, entry, status
from tests.waiting import until

rig = HistoryRig(Path(sys.argv[1]))
history = rig.start()
for number in range(100_000):
    at = NOON + timedelta(minutes=number)
    history.snapshot(status(at), [MINER] * 50)
    history.minute("o", at, 1.0, 1.0, 1.0)
    history.command(entry(str(number), at))
    until(lambda: str(number) in rig.ids()[:1], 5, "the commit")
    print(number, flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("lines", [1, 7, 40])
def test_a_kill_at_any_moment_loses_no_command_that_was_there(tmp_path, lines):
    writing = subprocess.Popen(
        [sys.executable, "-c", WRITES_UNTIL_KILLED, str(tmp_path)],
        stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent.parent,
    )  # fmt: skip
    assert writing.stdout is not None
    seen = [int(writing.stdout.readline()) for _ in range(lines)]
    os.kill(writing.pid, signal.SIGKILL)
    seen += [int(line) for line in writing.stdout]
    writing.wait()

    rig = HistoryRig(tmp_path)
    entries, total = rig.history.commands(1000, 0)
    assert total >= len(seen)
    assert [int(one.id) for one in reversed(entries)] == list(range(total)), "no hole"
    assert rig.rows("PRAGMA integrity_check") == [("ok",)]
    rig.start().command(entry("after", NOON + timedelta(days=999)))
    until(lambda: rig.ids()[0] == "after", 5, "writing goes on")
    rig.stop()
    assert (rig.history.problem, rig.asides()) == (None, [])


def test_parameters_are_json_in_the_database(rig):
    rig.history.command(ENTRY)
    rig.has("x")
    ((text,),) = rig.rows("SELECT parameters FROM commands")
    assert json.loads(text) == {"power_kw": 2.0}
