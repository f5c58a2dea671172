"""The driver of a Mining Platform against the simulated one, in both forms of its answers."""

import socket
import threading
import time
from contextlib import suppress

import pytest

from minerbridge.errors import (
    InvalidValue,
    MinerError,
    MinerLocked,
    MinerRefused,
    MinerUnreachable,
    NotAllowed,
    NotFound,
    OutcomeUnknown,
    UnknownDevice,
)
from minerbridge.miners.driver import Target
from minerbridge.miners.mining_platform import pace
from minerbridge.miners.mining_platform.client import PlatformClient
from minerbridge.miners.mining_platform.events import EventListener
from minerbridge.simulator.mining_platform_miners import SavedProfile
from tests.platform_rig import KAWPOW, RVN, RX, WALLET, XMR, Rig, order, read, seen
from tests.waiting import until

pytestmark = pytest.mark.slow


@pytest.fixture
def make(monkeypatch):
    monkeypatch.setattr(pace, "AT_ONCE", 1000.0)
    made = []

    def rig(**options):
        made.append(Rig(**options))
        return made[-1]

    yield rig
    for one in made:
        one.stop()


@pytest.fixture(params=[False, True], ids=["bare", "envelope"])
def rig(make, request):
    return make(envelope=request.param)


@pytest.fixture
def bare(make):
    return make()


# -- reading -------------------------------------------------------------------------------------


def test_the_host_and_each_miner_are_devices(rig):
    host, *miners = rig.driver(met=False).contact()

    assert (host.miner_id, host.model) == ("rig1", "Mining Platform")
    assert {profile.miner_id for profile in miners} == {RX, KAWPOW}
    assert {profile.model for profile in miners} == {"xmrig"}
    choices = {one.miner_id: one.commands["profile"].parameters[0].choices for one in miners}
    assert choices == {RX: (XMR,), KAWPOW: (RVN,)}


def test_a_miner_is_read_whole(rig):
    readings = read(rig.driver())
    rx, kawpow = readings[RX], readings[KAWPOW]

    assert (rx.status, rx.is_mining, rx.algorithm) == ("mining", True, "rx")
    assert 4300 < rx.hashrate_hs < 4750
    assert 4300 < rx.hashrate_average_hs < 4750
    assert rx.shares_accepted > 300
    assert rx.uptime_s >= 8215
    assert rx.pools[0].url.endswith("pool.example.com:3333")
    assert (rx.pools[0].user, rx.pools[0].is_active) == (WALLET, True)
    assert (rx.power_w, rx.details["profile"], rx.details["name"]) == (None, XMR, "xmrig-rx")
    if rig.device.envelope:
        assert 40 < rx.details["ping_ms"] < 50
        assert rx.cpu["usage_percent"] == 95.5
        assert 60 < kawpow.gpus[0]["temperature_c"] < 75


def test_the_host_tells_what_is_its_own_and_no_hashrate_twice(rig):
    host = read(rig.driver())["rig1"]

    assert (host.status, host.is_mining, host.hashrate_hs) == ("mining", True, None)
    assert host.details["profiles"] == [XMR, RVN]
    assert set(host.details["profiles_running"]) == {XMR, RVN}
    assert (host.details["installed"], host.details["os"]) == (["xmrig"], "linux")


def test_a_miner_without_statistics_is_starting_and_then_in_error(bare):
    clock = [0.0]
    bare.device.miners["xmrig-rx"].is_deaf = True
    bare.device.miners["xmrig-rx"].began_s = bare.device.plant.now_s + 1e6
    driver = bare.driver(clock=lambda: clock[0])

    assert read(driver)[RX].status == "starting"
    clock[0] += 300.0
    reading = read(driver)[RX]
    assert reading.status == "error"
    assert "connection refused" in reading.errors[0].message
    assert read(driver)[KAWPOW].status == "mining"


def test_a_name_with_a_slash_is_read_from_the_list_where_it_cannot_be_asked(make):
    rig = make(running=0)
    slash = SavedProfile("", "Slash", "xmrig", {"pool": "p.example.com:1", "algo": "rx/0"})
    rig.device.launch(rig.device.save_profile(slash), uptime_s=8215.0)
    ((miner_id, reading),) = [one for one in read(rig.driver()).items() if one[0] != "rig1"]

    assert miner_id.startswith("rig1_xmrig_rx_0_")
    assert (reading.status, reading.details["name"]) == ("mining", "xmrig-rx/0")
    assert 3500 < reading.hashrate_hs < 4500
    assert "http /api/v1/mining/miners/xmrig-rx%2F0/stats" in rig.device.requests


def test_a_renamed_miner_is_another_device_and_the_old_one_is_stopped(rig):
    driver = rig.driver()
    rig.device.rename("xmrig-rx", "xmrig-monero")

    readings = read(driver)

    assert readings[RX].status == "stopped"
    assert readings["rig1_xmrig_monero"].status == "mining"
    assert driver.has_news()
    assert "rig1_xmrig_monero" in {profile.miner_id for profile in driver.contact()}
    assert not driver.has_news()


def test_a_device_met_before_a_restart_stays_known_as_stopped(rig):
    rig.device.end("xmrig-rx")
    driver = rig.driver(met=False)
    driver.attend(["rig1", RX], lambda: None)
    driver.contact()

    reading = read(driver)[RX]

    assert (reading.status, reading.details["profile"]) == ("stopped", XMR)
    driver.close()


def test_no_miners_at_all_is_a_stopped_host(make):
    rig = make(running=0)
    assert [one.status for one in read(rig.driver()).values()] == ["stopped"]


def test_another_namespace_and_what_is_no_platform(make):
    rig = make(namespace="/custom/path")
    driver = rig.driver(options={"namespace": "/custom/path"})
    assert RX in read(driver)
    with pytest.raises(UnknownDevice):
        rig.driver()


# -- start, stop, profiles -----------------------------------------------------------------------


def test_stop_and_start_are_seen(rig):
    driver = rig.driver()
    stopped = seen(driver, RX, order(driver, RX, "stop"))
    assert (stopped.status, rig.device.miners.keys()) == ("stopped", {"xmrig-kawpow"})
    assert stopped.details["profile"] == XMR

    started = seen(driver, RX, order(driver, RX, "start"))
    assert started.status in ("starting", "mining")
    assert rig.writes == ["stop xmrig-rx", f"start {XMR}"]


def test_what_is_as_wanted_is_left_alone(rig):
    driver = rig.driver()
    seen(driver, RX, order(driver, RX, "start"))
    rig.device.end("xmrig-rx")
    seen(driver, RX, order(driver, RX, "stop"))
    assert rig.writes == []


def test_stopping_a_miner_whose_name_begins_anothers_is_refused(bare):
    bare.device.rename("xmrig-kawpow", "xmrig-rx2")
    driver = bare.driver()

    with pytest.raises(MinerRefused, match="stop xmrig-rx2 first") as caught:
        order(driver, RX, "stop")

    assert (caught.value.code, bare.writes) == ("AMBIGUOUS", [])
    seen(driver, "rig1_xmrig_rx2", order(driver, "rig1_xmrig_rx2", "stop"))
    seen(driver, RX, order(driver, RX, "stop"))
    assert bare.writes == ["stop xmrig-rx2", "stop xmrig-rx"]


@pytest.mark.parametrize(
    ("envelope", "code"), [(False, "START_FAILED"), (True, "MINER_ALREADY_RUNNING")]
)
def test_starting_what_runs_reports_the_platforms_refusal(make, envelope, code):
    driver = make(envelope=envelope).driver()
    with pytest.raises(MinerRefused, match="already running") as caught:
        order(driver, "rig1", "start_profile", profile=XMR)
    assert caught.value.code == code


def test_a_profile_is_started_on_the_host(make):
    rig = make(running=0)
    driver = rig.driver()
    host = seen(driver, "rig1", order(driver, "rig1", "start_profile", profile=RVN))
    assert host.details["profiles_running"] == [RVN]


def test_the_host_stops_all_and_starts_the_same_again(rig):
    driver = rig.driver()
    assert seen(driver, "rig1", order(driver, "rig1", "stop")).status == "stopped"
    assert rig.device.miners == {}
    seen(driver, "rig1", order(driver, "rig1", "start"))
    assert rig.device.miners.keys() == {"xmrig-rx", "xmrig-kawpow"}


def test_a_host_that_never_mined_asks_for_a_profile(make):
    driver = make(running=0).driver()
    with pytest.raises(MinerRefused, match="name one") as caught:
        order(driver, "rig1", "start")
    assert caught.value.code == "PROFILE_NOT_FOUND"


def two_of_one_algorithm(rig):
    config = {"pool": "other.example.com:1", "wallet": "4other", "algo": "rx"}
    rig.device.save_profile(SavedProfile("", "Other", "xmrig", config))
    return rig.driver()


def test_a_chosen_profile_waits_for_the_next_start(rig):
    driver = two_of_one_algorithm(rig)
    seen(driver, RX, order(driver, RX, "stop"))

    chosen = seen(driver, RX, order(driver, RX, "profile", profile="Other"))
    assert (chosen.status, chosen.details["profile"]) == ("stopped", "Other")

    seen(driver, RX, order(driver, RX, "start"))
    assert rig.writes[-1] == "start Other"


def test_choosing_while_it_runs_starts_it_anew(rig):
    driver = two_of_one_algorithm(rig)
    reading = seen(driver, RX, order(driver, RX, "profile", profile="Other"))
    assert (reading.details["profile"], rig.writes) == ("Other", ["stop xmrig-rx", "start Other"])


def test_a_miner_that_only_stopped_does_not_run_another_profile(rig):
    driver = two_of_one_algorithm(rig)
    rig.device.faults.lose_reply = True
    with pytest.raises(OutcomeUnknown) as caught:
        order(driver, RX, "profile", profile="Other")
    rig.device.faults.clear()
    reading = read(driver)[RX]
    confirmation = caught.value.confirmation
    assert confirmation is not None
    assert confirmation.seen is not None
    assert (reading.status, confirmation.seen(reading)) == ("stopped", False)


def test_that_a_miner_was_stopped_is_said_where_its_new_profile_does_not_start(rig, monkeypatch):
    driver = two_of_one_algorithm(rig)
    write = PlatformClient.write

    def stops_only(client, method, *more, **query):
        if method == "POST":
            raise MinerUnreachable("connection refused")
        return write(client, method, *more, **query)

    monkeypatch.setattr(PlatformClient, "write", stops_only)
    with pytest.raises(MinerError, match="stopped, but not started again: conn") as caught:
        order(driver, RX, "profile", profile="Other")
    assert (type(caught.value), caught.value.code) == (MinerError, "UNREACHABLE")
    assert rig.writes == ["stop xmrig-rx"]


def test_one_miner_that_does_not_follow_keeps_no_other_from_it(rig, monkeypatch):
    driver = rig.driver()
    seen(driver, "rig1", order(driver, "rig1", "stop"))
    write = PlatformClient.write
    refusals = [MinerRefused("no memory", code="START_FAILED")]

    def refusing(client, *more, **query):
        if refusals:
            raise refusals.pop()
        return write(client, *more, **query)

    monkeypatch.setattr(PlatformClient, "write", refusing)
    with pytest.raises(MinerError, match="1 of 2 miners followed: no memory") as caught:
        order(driver, "rig1", "start")
    assert (caught.value.code, len(rig.device.miners)) == ("START_FAILED", 1)


def test_the_host_is_on_again_when_all_its_miners_are(rig):
    driver = rig.driver()
    seen(driver, "rig1", order(driver, "rig1", "stop"))
    confirmation = order(driver, "rig1", "start")
    rig.device.end("xmrig-rx", "crashed")
    host = read(driver)["rig1"]
    assert (host.status in ("starting", "mining"), host.details["miners_running"]) == (True, 1)
    assert not confirmation.seen(host)


def test_a_device_of_unknown_kind_is_not_started_as_another(make):
    rig = make(running=0)
    for one in list(rig.device.profiles):
        if rig.device.profiles[one].name != XMR:
            del rig.device.profiles[one]
    driver = rig.driver(met=False)
    driver.attend(["rig1_tt_miner_kawpow"], lambda: None)
    driver.contact()
    with pytest.raises(MinerRefused, match="choose one first"):
        order(driver, "rig1_tt_miner_kawpow", "start")
    assert rig.writes == []
    driver.close()


def test_a_device_that_could_run_several_profiles_asks_which(bare):
    driver = two_of_one_algorithm(bare)
    bare.device.end("xmrig-rx")
    driver = bare.driver(met=False)
    driver.attend([RX], lambda: None)
    driver.contact()
    with pytest.raises(MinerRefused, match=f"choose one first .{XMR}, Other"):
        order(driver, RX, "start")
    driver.close()


def test_a_profile_is_saved_without_its_pool_ever_being_sent_here(rig):
    driver = rig.driver()
    order_ = {"name": "New", "type": "xmrig", "config": '{"algo": "gr", "threads": 2}'}
    seen(driver, "rig1", order(driver, "rig1", "profile_set", pool_profile="home", **order_))

    saved = next(one for one in rig.device.profiles.values() if one.name == "New")
    assert saved.config == {
        "algo": "gr", "threads": 2, "pool": "stratum+tcp://home.example.com:3333",
        "wallet": "wallet-of-home", "password": "secret",
    }  # fmt: skip


def test_a_changed_profile_keeps_its_pool_and_wallet(rig):
    driver = rig.driver()
    seen(driver, "rig1", order(driver, "rig1", "profile_set", name=XMR, config='{"threads": 8}'))

    config = next(iter(rig.device.profiles.values())).config
    assert (config["threads"], config["wallet"], config["algo"]) == (8, WALLET, "rx")


def test_profiles_with_secrets_come_only_from_the_command_line(bare):
    driver = bare.driver()
    given = {"name": "New", "type": "xmrig", "config": '{"pool": "x.example.com:1"}'}
    with pytest.raises(NotAllowed):
        order(driver, "rig1", "profile_set", **given)
    assert bare.writes == []
    seen(driver, "rig1", order(driver, "rig1", "profile_set", source="command line", **given))


@pytest.mark.parametrize(
    "given",
    [
        {"name": "New"},
        {"name": "New", "type": "xmrig", "config": "no json"},
        {"name": "New", "type": "xmrig", "config": "[1]"},
        {"name": "New", "type": "xmrig", "pool_profile": "nowhere"},
    ],
)
def test_a_profile_that_cannot_be_saved_says_why(bare, given):
    with pytest.raises(InvalidValue):
        order(bare.driver(), "rig1", "profile_set", **given)


def test_a_profile_is_deleted_once(rig):
    driver = rig.driver()
    seen(driver, "rig1", order(driver, "rig1", "profile_delete", profile=RVN))
    assert [one.name for one in rig.device.profiles.values()] == [XMR]
    with pytest.raises(MinerRefused) as caught:
        order(driver, "rig1", "profile_delete", profile=RVN)
    assert caught.value.code == "PROFILE_NOT_FOUND"


def test_software_is_installed_and_removed(rig):
    driver = rig.driver()
    seen(driver, "rig1", order(driver, "rig1", "install", type="tt-miner"))
    seen(driver, "rig1", order(driver, "rig1", "uninstall", type="xmrig"))
    assert rig.device.installed == {"tt-miner"}
    with pytest.raises(MinerRefused) as caught:
        order(driver, "rig1", "install", type="gminer")
    assert caught.value.code == "UNSUPPORTED_MINER"


def test_a_write_that_only_says_yes_is_not_believed(rig):
    driver = rig.driver()
    rig.device.faults.drop_writes = True
    confirmation = order(driver, RX, "stop")
    assert not confirmation.seen(read(driver)[RX])


def test_a_lost_reply_is_read_back_and_not_sent_again(rig):
    driver = rig.driver()
    rig.device.faults.lose_reply = True
    with pytest.raises(OutcomeUnknown) as caught:
        order(driver, RX, "stop")
    rig.device.faults.clear()
    assert seen(driver, RX, caught.value.confirmation).status == "stopped"
    assert rig.writes == ["stop xmrig-rx"]


def test_unknown_devices_and_commands(bare):
    driver = bare.driver()
    with pytest.raises(NotFound):
        order(driver, "rig1_nobody", "start")
    with pytest.raises(MinerRefused) as caught:
        order(driver, "rig1", "start_profile", profile="Nobody")
    assert caught.value.code == "PROFILE_NOT_FOUND"


# -- logins, limits, lines that break --------------------------------------------------------------


@pytest.mark.parametrize("login", ["digest", "basic"])
def test_logins_open_reads_writes_and_events(make, login):
    rig = make(login=login)
    woken = threading.Event()
    driver = rig.driver(met=False, username="miner", password="secret")
    driver.attend([], woken.set)
    driver.contact()

    assert RX in read(driver)
    seen(driver, RX, order(driver, RX, "stop"))
    assert woken.wait(5)
    driver.close()


@pytest.mark.parametrize("login", ["digest", "basic"])
@pytest.mark.parametrize("password", [None, "wrong"])
def test_a_wrong_login_is_told(make, login, password):
    rig = make(login=login)
    with pytest.raises(MinerLocked, match="user and password"):
        rig.driver(username="miner", password=password)


def test_the_platforms_limit_is_kept_to(bare):
    """The pause it asks for is waited for, and the refused request made again."""
    bare.device.limits_rate = True
    driver = bare.driver()
    bare.device._free = 0.0
    began_s = time.monotonic()

    readings = read(driver)

    assert readings[RX].status == "mining"
    assert bare.device.requests["limited"] == 1
    assert time.monotonic() - began_s >= 1.0


def test_a_killed_kept_alive_connection_is_opened_anew(rig):
    driver = rig.driver()
    for connection in list(rig.fleet._connections[rig.device.id]):
        rig.fleet.call_at(0.0, connection.abort)
    rig.fleet.settle()

    assert RX in read(driver)


@pytest.mark.parametrize("fault", [{"hang": True}, {"close": True}, {"garbage": True}])
def test_a_platform_that_talks_nonsense_is_an_expected_error(rig, fault):
    driver = rig.driver(timeout_s=0.2)
    for name, value in fault.items():
        setattr(rig.device.faults, name, value)
    driver.close()
    with pytest.raises(MinerError):
        read(driver)


def test_a_request_can_be_cut(bare):
    driver = bare.driver(timeout_s=30.0)
    bare.device.faults.hang = True
    ended = threading.Event()

    def ask():
        with suppress(MinerUnreachable):
            read(driver)
        ended.set()

    thread = threading.Thread(target=ask)
    thread.start()
    until(lambda: bare.device.requests["http /api/v1/mining/miners"] > 1, 5, "the request")
    driver.interrupt()

    assert ended.wait(2)
    thread.join()


# -- events ----------------------------------------------------------------------------------------


class Ears:
    """Counts what wakes."""

    def __init__(self, rig):
        self.count = 0
        self._lock = threading.Lock()
        self.driver = rig.driver(met=False)
        self.driver.attend([], self._wake)
        self.driver.contact()
        until(lambda: rig.device.sockets and self.count, 5, "the event connection")

    def _wake(self):
        with self._lock:
            self.count += 1


def test_what_happens_wakes_and_statistics_do_not(rig):
    ears = Ears(rig)
    before = ears.count
    rig.device.emit("miner.stats", {"name": "xmrig-rx"})
    rig.device.emit("pong", {})
    rig.device.emit("miner.error", {"name": "xmrig-rx", "error": "crashed"})
    until(lambda: ears.count > before, 5, "the event")
    assert ears.count == before + 1
    ears.driver.close()


def test_an_event_tells_from_which_profile_a_miner_was_started(bare):
    bare.device.save_profile(SavedProfile("", "Twin", "xmrig", {"pool": "p", "algo": "rx"}))
    bare.device.end("xmrig-rx")
    ears = Ears(bare)
    before = ears.count
    bare.device.launch(list(bare.device.profiles.values())[-1])
    until(lambda: ears.count > before + 1, 5, "the event")
    assert read(ears.driver)[RX].details["profile"] == "Twin"
    ears.driver.close()


def test_a_dropped_event_connection_costs_nothing_and_comes_back(rig):
    ears = Ears(rig)
    rig.device.drop_sockets()
    until(lambda: not rig.device.sockets, 5, "the drop")
    assert RX in read(ears.driver)
    until(lambda: rig.device.sockets, 5, "the new connection")
    ears.driver.close()


def test_a_platform_without_events_is_polled_all_the_same(rig):
    rig.device.has_socket = False
    driver = rig.driver(met=False)
    driver.attend([], lambda: None)
    driver.contact()
    assert RX in read(driver)
    driver.close()


def test_closing_ends_the_listener_in_time(rig):
    ears = Ears(rig)
    thread = ears.driver._events.thread
    ears.driver.close()
    thread.join(2.0)
    assert not thread.is_alive()
    ears.driver.contact()
    until(lambda: rig.device.sockets, 5, "the connection of the next contact")
    ears.driver.close()


def test_a_silent_port_does_not_hold_the_listener_back():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ports = {"http": listener.getsockname()[1]}
        client = PlatformClient(
            Target("rig1", "127.0.0.1", ports=ports), time.monotonic, lambda _: False
        )
        events = EventListener(client, 0.5, lambda kind, told: None)
        events.start()
        events.stop()
        assert events.thread is not None
        events.thread.join(2.0)
        assert not events.thread.is_alive()
