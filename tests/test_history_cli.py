"""`minerbridge history`: CSV of what is kept, while the daemon runs."""

import csv
import io
import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest

from minerbridge.__main__ import main
from minerbridge.cli import history as command_line
from tests.history_rig import MINER, NOON, HistoryRig, entry, status
from tests.waiting import until


@pytest.fixture
def told(tmp_path, capsys):
    """A running history with something of each kind; called with words, what they print."""
    rig = HistoryRig(tmp_path / "state")
    config = tmp_path / "config.yaml"
    config.write_text(f"files: {{state: {rig.path.parent}}}\n")
    rig.start()
    rig.history.minute("o1", NOON, 2000.0, 1950.04, None)
    rig.history.minute("o1", NOON + timedelta(minutes=1), 2000.0, 1950.0, 0.0)
    rig.history.minute("o2", NOON, 5e6, 0.0, 0.5)
    rig.history.snapshot(status(active_power_w=3250.0, hashrate_hs=9.5e13), [MINER])
    rig.history.command(entry("o1", success=True, state="achieved", message='said "yes", twice'))
    rig.history.command(entry("o2", NOON + timedelta(seconds=1)))
    rig.has("o2", "o1")

    def run(*words):
        code: object
        try:
            code = main(["history", "-c", str(config), *words])
        except SystemExit as end:
            code = end.code
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    until(lambda: run()[0] == 0 and run("--snapshots", "m1")[0] == 0, 5, "the first minutes")
    yield run
    rig.stop()


def test_minutes_are_printed_in_kilowatts_and_utc(told):
    code, out, err = told()
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "at,order_id,target_kw,allocated_kw,active_kw",
        "2026-01-20T12:00:00Z,o1,2.000,1.950,",
        "2026-01-20T12:00:00Z,o2,5000.000,0.000,0.001",
        "2026-01-20T12:01:00Z,o1,2.000,1.950,0.000",
    ]


@pytest.mark.parametrize(
    ("words", "rows"),
    [
        (["--order", "o1"], 2),
        (["--since", "2026-01-20T12:00:01Z"], 1),
        (["--since", "2026-01-20T13:01:00+01:00"], 1),
        (["--until", "2026-01-20T12:01"], 2),
        (["--since", "2026-01-20", "--until", "2026-01-21"], 3),
        (["--order", "o2", "--until", "2026-01-20T12:01:00Z"], 1),
    ],
)
def test_minutes_of_an_order_or_a_time(told, words, rows):
    assert len(told(*words)[1].splitlines()) == 1 + rows


def test_commands_are_printed_newest_first(told):
    code, out, _ = told("--commands")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert (code, [row["id"] for row in rows]) == (0, ["o2", "o1"])
    assert rows[0]["success"] == ""
    assert rows[1] == {
        "at": "2026-01-20T12:00:00Z", "id": "o1", "source": "ems", "command": "activate",
        "parameters": '{"power_kw": 2.0}', "success": "true", "state": "achieved",
        "message": 'said "yes", twice',
    }  # fmt: skip
    assert len(told("--commands", "--order", "o1")[1].splitlines()) == 2
    assert len(told("--commands", "--since", "2026-01-20T12:00:01Z")[1].splitlines()) == 2
    assert len(told("--commands", "--until", "2026-01-20T12:00:01Z")[1].splitlines()) == 2


def test_snapshots_are_printed_under_the_names_of_their_columns(told):
    assert told("--snapshots", "m1")[1].splitlines() == [
        "at,online,status,power_w,power_estimated_w,hashrate_hs,chip_temperature_c",
        "2026-01-20T12:00:00Z,1,mining,3250,,95000000000000,65.3",
    ]
    (row,) = csv.DictReader(io.StringIO(told("--snapshots", "fleet")[1]))
    assert (row["state"], row["rated_w"], row["active_w"], row["target_w"]) == (
        "active", "3250", "3250", "",
    )  # fmt: skip
    assert (row["hashrate_hs"], row["total"], row["override"]) == ("95000000000000", "1", "0")


def test_the_columns_of_the_fleet_are_those_of_the_database(tmp_path):
    rig = HistoryRig(tmp_path)
    rig.start()
    rig.stop()
    with closing(sqlite3.connect(rig.path)) as connection:
        names = connection.execute("SELECT * FROM fleet_snapshots").description
    assert [name[0] for name in names] == ["at_s", *command_line.FLEET[1:]]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--since", "yesterday"], "argument --since: 'yesterday' is not a time such as"),
        (["--until", "2026-13-01"], "argument --until"),
        (["--since", "0001-01-01T00:00:00+14:00"], "argument --since"),
        (["--since", "2026-01-21", "--until", "2026-01-20"], "--since is not before --until"),
        (["--commands", "--snapshots", "m1"], "not allowed with"),
        (["--snapshots", "m1", "--order", "o1"], "--order is for minutes and commands"),
    ],
)
def test_wrong_words_exit_2(told, words, says):
    code, out, err = told(*words)
    assert (code, out) == (2, "")
    assert says in err.splitlines()[-1]


@pytest.mark.parametrize("words", [["--order", "o9"], ["--snapshots", "m9"]])
def test_nothing_found_exits_1_under_the_header(told, words):
    code, out, err = told(*words)
    assert (code, out.count("\n"), err.count("\n")) == (1, 1, 1)


def test_where_there_is_no_history_or_no_database_exits_1_with_a_line(tmp_path, capsys):
    config = tmp_path / "config.yaml"
    config.write_text(f"files: {{state: {tmp_path}}}\n")
    for says in ("there is no history yet", "not a database"):
        assert main(["history", "-c", str(config)]) == 1
        shown = capsys.readouterr()
        assert (shown.out, shown.err.count("\n")) == ("", 1)
        assert says in shown.err
        (tmp_path / "history.db").write_bytes(b"garbage" * 1000)
