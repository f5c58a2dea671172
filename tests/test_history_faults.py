"""A history that is corrupt, full, locked or forbidden stops nothing and is told once."""

import os
import sqlite3
import threading
import time
from contextlib import closing
from datetime import timedelta

import pytest

from minerbridge.errors import BridgeError
from minerbridge.fleet import history, history_backlog, history_schema
from tests.history_rig import MINER, NOON, HistoryRig, entry, status
from tests.log_lines import keep
from tests.waiting import until

pytestmark = pytest.mark.slow

PAGE = 4096


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(history, "RETRY_FIRST_S", 0.05)
    monkeypatch.setattr(history, "RETRY_LAST_S", 0.2)


@pytest.fixture
def logged(monkeypatch):
    return keep(monkeypatch, history)


def of_many_pages(folder):
    """A database of some hundred pages, closed; returns its rig."""
    rig = HistoryRig(folder)
    rig.start()
    for number in range(500):
        at = NOON + timedelta(seconds=number)
        rig.history.command(entry(f"old{number}", at, message="m" * 1000))
    rig.stop()
    assert rig.path.stat().st_size > 100 * PAGE
    return rig


def overwrite(path, offset, content):
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(content)


def garbage(path):
    path.write_bytes(b"no database at all " * 1000)


def truncated(path):
    os.truncate(path, path.stat().st_size // 2)


def wrong_header(path):
    overwrite(path, 0, b"SQLite format 9\0")


def bad_schema(path):
    overwrite(path, 100, b"\xff" * 500)


def foreign_tables(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE commands")


DAMAGES = [garbage, truncated, wrong_header, bad_schema, foreign_tables]


@pytest.mark.parametrize("damage", DAMAGES)
def test_an_unreadable_database_is_set_aside_and_a_new_one_begun(tmp_path, logged, damage):
    before = of_many_pages(tmp_path)
    damage(before.path)
    content = before.path.read_bytes()

    rig = HistoryRig(tmp_path)
    rig.start().command(entry("new"))
    rig.has("new")

    (aside,) = rig.asides()
    assert aside.startswith("history.unreadable-")
    # SQLite counts its visits in the header.
    assert (tmp_path / aside).read_bytes()[100:] == content[100:]
    assert logged.events() == ["history_set_aside"]
    assert rig.history.problem is not None
    assert aside in rig.history.problem
    rig.stop()


def test_a_bad_page_met_while_writing_loses_no_new_command(tmp_path, logged):
    rig = of_many_pages(tmp_path)
    rig = HistoryRig(tmp_path)
    rig.start()
    until(lambda: rig.ids()[:1] == ["old499"], 5, "the old commands")
    # The thread has it open and has seen it whole; every page but the first goes bad now.
    overwrite(rig.path, PAGE, b"\xa5" * (rig.path.stat().st_size - PAGE))
    for number in range(50):
        rig.history.command(entry(f"new{number}", NOON + timedelta(days=1, seconds=number)))
        rig.history.outcome(f"new{number}", success=True, state=None, message="")

    until(lambda: rig.ids()[:1] == ["new49"], 5, "a new database")
    assert len(rig.asides()) == 1
    assert logged.events() == ["history_set_aside"]
    found = rig.history.commands(1000, 0)[0]
    assert {one.id for one in found} >= {f"new{number}" for number in range(50)}
    assert all(one.success for one in found)
    rig.stop()


def test_a_bad_page_met_while_reading_is_told_to_the_asker_and_mended(tmp_path, logged):
    of_many_pages(tmp_path)
    rig = HistoryRig(tmp_path)
    rig.start()
    until(rig.ids, 5, "the old commands")
    overwrite(rig.path, 20 * PAGE, b"\xa5" * (rig.path.stat().st_size - 20 * PAGE))

    with pytest.raises(BridgeError, match=r"history\.db: the history cannot be read: .*malformed"):
        rig.history.commands(1000, 0)

    until(rig.asides, 5, "the bad database to go")
    rig.history.command(entry("new"))
    rig.has("new")
    assert logged.events() == ["history_set_aside"]
    rig.stop()


def test_a_newer_database_is_kept_under_another_name(tmp_path, logged):
    before = of_many_pages(tmp_path)
    with closing(sqlite3.connect(before.path)) as connection:
        connection.execute("PRAGMA user_version = 99")

    rig = HistoryRig(tmp_path)
    rig.start().command(entry("new"))
    rig.has("new")

    (aside,) = rig.asides()
    assert aside.startswith("history.newer-")
    with closing(sqlite3.connect(tmp_path / aside)) as connection:
        assert connection.execute("SELECT count(*) FROM commands").fetchone() == (500,)
    assert "version 99" in (rig.history.problem or "")
    rig.stop()


def test_a_disk_that_makes_every_database_bad_is_not_filled_with_them(tmp_path, logged, quick):
    garbage(tmp_path / "history.db")
    rig = HistoryRig(tmp_path)
    rig.start().command(entry("a"))
    rig.has("a")
    rig.stop()
    rig.history.stopping.clear()
    garbage(rig.path)
    rig.start().command(entry("b"))

    until(lambda: "not a database" in (rig.history.problem or ""), 5, "the problem")
    until(lambda: "history_failed" in logged.events(), 5, "the log line")
    rig.stop()
    assert len(rig.asides()) == 1
    assert logged.events().count("history_failed") == 1


def test_a_notice_of_a_new_database_ends_by_itself(tmp_path, logged, monkeypatch):
    garbage(tmp_path / "history.db")
    rig = HistoryRig(tmp_path)
    rig.start()
    until(lambda: rig.history.problem, 5, "the notice")
    monkeypatch.setattr(history, "NOTICE_S", 0.0)
    assert rig.history.problem is None
    rig.stop()


# -- what passes -----------------------------------------------------------------------------


def test_a_full_disk_is_waited_for_and_nothing_told_is_lost(tmp_path, logged, quick, monkeypatch):
    pragmas = history_schema.PRAGMAS
    monkeypatch.setattr(history_schema, "PRAGMAS", (*pragmas, "max_page_count = 14"))
    rig = HistoryRig(tmp_path)
    rig.start().command(entry("0"))
    rig.has("0")
    for number in range(1, 100):
        rig.history.command(entry(str(number), NOON + timedelta(seconds=number), message="m" * 999))
    until(lambda: rig.history.problem, 5, "the problem")
    assert rig.history.problem == "history: database or disk is full"
    told = len(rig.ids())  # what fits can still be read
    assert 0 < told < 100

    monkeypatch.setattr(history_schema, "PRAGMAS", (*pragmas, "max_page_count = 100000"))

    rig.has(*(str(number) for number in reversed(range(100))))
    until(lambda: rig.history.problem is None, 5, "the all-clear")
    assert logged.events() == ["history_failed", "history_works_again"]
    assert (rig.history.dropped, rig.asides()) == (0, [])
    rig.stop()


def test_a_lock_of_another_process_is_waited_for(tmp_path, logged, quick):
    rig = HistoryRig(tmp_path)
    rig.start().command(entry("a"))
    rig.has("a")
    with closing(sqlite3.connect(rig.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        began_s = time.monotonic()
        rig.history.command(entry("b", NOON + timedelta(seconds=1)))
        rig.history.minute("o", NOON, 1.0, 1.0, 1.0)
        assert time.monotonic() - began_s < 0.2, "who tells does not wait"
        until(lambda: rig.history.problem, 5, "the problem")
        assert rig.history.problem == "history: database is locked"
        assert rig.ids() == ["a"]
    rig.has("b", "a")
    until(lambda: rig.history.problem is None, 5, "the all-clear")
    assert logged.events() == ["history_failed", "history_works_again"]
    rig.stop()


def test_a_stop_under_a_lock_takes_no_more_than_it_may_and_says_what_is_lost(tmp_path, logged):
    rig = HistoryRig(tmp_path)
    rig.start().command(entry("a"))
    rig.has("a")
    with closing(sqlite3.connect(rig.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        rig.history.command(entry("b"))
        rig.stop()  # asserts the 2 s
    assert logged.lines[-1] == ("error", "history_not_saved", {"entries": 1})


def test_a_folder_that_cannot_be_is_a_problem_until_it_can(tmp_path, logged, quick):
    blocked = tmp_path / "state"
    blocked.write_text("a file where the folder should be")
    rig = HistoryRig(blocked)
    rig.start().command(entry("a"))
    until(lambda: rig.history.problem, 5, "the problem")
    with pytest.raises(BridgeError):
        rig.history.commands(1, 0)

    blocked.unlink()

    rig.has("a")
    until(lambda: rig.history.problem is None, 5, "the all-clear")
    assert logged.events() == ["history_failed", "history_works_again"]
    rig.stop()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_a_problem_until_it_may(tmp_path, logged, quick):
    tmp_path.chmod(0o555)
    rig = HistoryRig(tmp_path)
    rig.start().command(entry("a"))
    until(lambda: rig.history.problem, 5, "the problem")
    tmp_path.chmod(0o755)
    rig.has("a")
    rig.stop()


def test_who_may_only_read_reads_and_leaves_nothing_behind(tmp_path, monkeypatch):
    rig = of_many_pages(tmp_path)
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert len(rig.ids()) == 500
    assert [path.name for path in tmp_path.iterdir()] == ["history.db"]


def test_a_database_that_somebody_removed_is_made_again(tmp_path):
    rig = HistoryRig(tmp_path)
    rig.start().command(entry("a"))
    rig.has("a")
    rig.path.unlink()
    rig.history.command(entry("b"))
    rig.has("b")
    rig.stop()


def test_a_defect_inside_does_not_end_the_thread(tmp_path, logged, quick, monkeypatch):
    rig = HistoryRig(tmp_path)
    write = rig.history._writer.write
    monkeypatch.setattr(rig.history._writer, "write", lambda _: 1 / 0)
    rig.history.command(entry("lost"))
    rig.start()
    until(lambda: rig.history.problem, 5, "the problem")
    assert rig.history.dropped == 1
    monkeypatch.setattr(rig.history._writer, "write", write)
    rig.history.command(entry("a"))
    rig.has("a")
    rig.stop()
    assert "history_turn_failed" in logged.events()


# -- bounds ----------------------------------------------------------------------------------


def test_what_waits_is_bounded_snapshots_go_first_and_it_is_told_once(tmp_path, monkeypatch):
    told = keep(monkeypatch, history_backlog)
    monkeypatch.setattr(history_backlog, "MAX_SNAPSHOT_ROWS", 10)
    monkeypatch.setattr(history_backlog, "MAX_COMMANDS", 4)
    monkeypatch.setattr(history_backlog, "MAX_MINUTES", 3)
    rig = HistoryRig(tmp_path)  # never started: nothing is taken
    for number in range(6):
        at = NOON + timedelta(minutes=number)
        rig.history.command(entry(str(number), at))
        rig.history.minute("o", at, 1.0, 1.0, 1.0)
        rig.history.snapshot(status(at), [MINER] * 4)

    assert rig.history.dropped == 2 + 3 + 4
    assert [(event, facts["kind"]) for _, event, facts in told.lines] == [
        ("history_dropped", "snapshots"),
        ("history_dropped", "minutes"),
        ("history_dropped", "commands"),
    ]
    rig.start()
    rig.has("5", "4", "3", "2")
    rig.stop()
    assert [one.at.minute for one in rig.history.minutes("o", None, None)] == [3, 4, 5]
    assert rig.rows("SELECT count(*) FROM fleet_snapshots") == [(2,)]


def test_many_threads_may_tell_and_ask_at_once(tmp_path):
    rig = HistoryRig(tmp_path)
    rig.start()
    failures: list[Exception] = []

    def tell(name):
        try:
            for number in range(50):
                rig.history.command(entry(f"{name}{number}"))
                rig.history.outcome(f"{name}{number}", success=True, state=None, message="")
                if number % 10 == 0:
                    rig.ids()
        except Exception as error:  # noqa: BLE001  whatever it is, the test is to see it
            failures.append(error)

    threads = [threading.Thread(target=tell, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rig.stop()
    assert not failures
    assert rig.rows("SELECT count(*), sum(success) FROM commands") == [(200, 200)]
