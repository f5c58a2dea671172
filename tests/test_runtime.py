"""Mailboxes, supervised threads, and what is said to systemd."""

import contextlib
import os
import socket
import sys
import threading
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minerbridge import runtime
from minerbridge.runtime import (
    Mailbox,
    MailboxClosed,
    Service,
    notify_systemd,
    watchdog_interval_s,
)
from tests.log_lines import keep

LONG_S = 20.0  # never waited for: a test that would is broken


def test_items_are_taken_in_the_order_they_came():
    box: Mailbox[Any] = Mailbox()
    for item in "abc":
        box.post(item)

    assert [box.take(0) for _ in range(4)] == ["a", "b", "c", None]


def test_an_item_replaces_the_waiting_one_of_its_key_and_goes_to_the_end():
    box: Mailbox[Any] = Mailbox()
    box.post("old", "k")
    box.post("other", "l")

    assert box.post("new", "k") == "old"
    assert [box.take(0), box.take(0), box.take(0)] == ["other", "new", None]


def test_a_closed_mailbox_takes_nothing_and_gives_nothing():
    box: Mailbox[Any] = Mailbox()
    box.post("left")

    assert box.close() == ["left"]
    assert box.closed
    with pytest.raises(MailboxClosed):
        box.post("late")
    with pytest.raises(MailboxClosed):
        box.take(0)


@pytest.mark.parametrize("wake", [Mailbox.close, Mailbox.nudge, lambda box: box.post("x")])
def test_the_waiting_owner_is_woken_at_once(wake):
    box: Mailbox[Any] = Mailbox()
    ended = threading.Event()

    def own():
        with contextlib.suppress(MailboxClosed):
            box.take(LONG_S)
        ended.set()

    threading.Thread(target=own, daemon=True).start()
    wake(box)

    assert ended.wait(5)


def test_a_nudge_before_the_wait_is_not_lost():
    box: Mailbox[Any] = Mailbox()
    box.nudge()
    began_s = time.monotonic()

    assert box.take(LONG_S) is None
    assert time.monotonic() - began_s < 5


#: post (key, item) or take; the model is an ordered dictionary.
STEPS = st.lists(st.none() | st.tuples(st.none() | st.integers(0, 2), st.integers()), max_size=30)


@given(STEPS)
def test_a_mailbox_is_a_queue_of_the_newest_per_key(steps):
    box: Mailbox[int] = Mailbox()
    model: dict[Any, int] = {}
    number = 0
    for step in steps:
        if step is None:
            key = next(iter(model), None)
            assert box.take(0) == (model.pop(key) if key is not None else None)
            continue
        key, item = step
        number += 1
        name = ("free", number) if key is None else ("key", key)
        assert box.post(item, key) == model.pop(name, None)
        model[name] = item
        assert len(box) == len(model)
    assert box.close() == list(model.values())


class Work(Service):
    def __init__(self, work):
        super().__init__("work")
        self.work = work

    def run(self):
        self.work(self)


def ends_of(service):
    ends: list[str] = []
    service.start(ends.append)
    assert service.join(5)
    return ends


def test_a_thread_that_ends_early_is_reported():
    assert ends_of(Work(lambda _: None)) == ["work"]


def test_a_thread_that_dies_is_reported_with_its_traceback(monkeypatch):
    logged = keep(monkeypatch, runtime)

    assert ends_of(Work(lambda _: 1 / 0)) == ["work"]
    assert logged.lines == [("exception", "thread_died", {})]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_exits_is_reported_too():
    assert ends_of(Work(lambda _: sys.exit(1))) == ["work"]


def test_a_thread_that_was_stopped_is_not_reported():
    service = Work(lambda self: self.stopping.wait(LONG_S))
    service.stop()
    assert ends_of(service) == []


def test_a_service_without_work_says_so(monkeypatch):
    keep(monkeypatch, runtime)
    assert ends_of(Service("idle")) == ["idle"]


def test_a_silent_thread_is_not_alive():
    service = Work(lambda self: self.stopping.wait(LONG_S))
    service.last_beat_s = 0.0
    assert not service.is_alive(time.monotonic())
    service.silence_s = 10.0
    service.start(lambda _: None)
    now_s = time.monotonic()

    assert service.is_alive(now_s + 9)
    assert not service.is_alive(now_s + 11)
    service.stop()
    assert service.join(5)
    assert not service.is_alive(now_s)


def test_joining_what_never_started_is_done_at_once():
    assert Work(lambda _: None).join(LONG_S)


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_systemd_hears_messages(tmp_path, monkeypatch, kind):
    name = str(tmp_path / "notify") if kind == "path" else f"@minerbridge-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(name if kind == "path" else "\0" + name[1:])
        systemd.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", name)

        notify_systemd("READY=1")

        assert systemd.recv(100) == b"READY=1"


def test_without_systemd_nothing_is_said(monkeypatch):
    logged = keep(monkeypatch, runtime)
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify_systemd("READY=1")
    assert logged.lines == []


def test_a_lost_systemd_is_logged_and_nothing_more(tmp_path, monkeypatch):
    logged = keep(monkeypatch, runtime)
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    notify_systemd("READY=1")
    assert logged.events() == ["systemd_notify_failed"]


@pytest.mark.parametrize(
    ("usec", "pid", "interval_s"),
    [
        ("60000000", None, 30.0),
        pytest.param("60000000", str(os.getpid()), 30.0, id="its own"),
        ("60000000", "1", None),
        ("0", None, None),
        ("-5", None, None),
        ("often", None, None),
        (None, None, None),
    ],
)
def test_the_watchdog_is_fed_twice_as_often_as_it_must_be(monkeypatch, usec, pid, interval_s):
    for name, value in (("WATCHDOG_USEC", usec), ("WATCHDOG_PID", pid)):
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    assert watchdog_interval_s() == interval_s
