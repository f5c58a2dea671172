"""The simulated IceRivers over real sockets, against what real ones were recorded to answer."""

from __future__ import annotations

import json
import socket
import ssl

import httpx
import pytest

from minerbridge.simulator import Fleet
from minerbridge.simulator.iceriver_pbfarmer import TOKEN
from tests.iceriver_rig import recorded

KS5L = "KS5L__ICM168_3_2_10/userpanel_post4.json"
KS3M = "KS3M__mock/userpanel_post4.json"


class Clock:
    now_s = 5_000.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def fleet(clock):
    with Fleet(ports={"rpc": 0, "http": 0}, clock=clock) as running:
        yield running


def post(device, page, **form):
    url = f"http://{device.address}:{device.ports['http']}/user/{page}"
    return httpx.post(url, data=form, timeout=2).json()


def api(device, path, token=TOKEN, **form):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with httpx.Client(verify=context, headers={"Authorization": f"Bearer {token}"}) as client:
        url = f"https://{device.address}:{device.ports['http']}/api/{path}"
        return client.post(url, data=form) if form else client.get(url)


def pass_by(fleet, clock, seconds):
    clock.now_s += seconds
    fleet.settle()


def kinds(told):
    return {key: type(value) for key, value in told.items()}


@pytest.mark.parametrize(("model", "name"), [("KS5L", KS5L), ("KS3M", KS3M)])
def test_the_panel_has_the_recorded_keys_and_types(fleet, model, name):
    (device,) = fleet.add("iceriver", model=model)
    told, real = post(device, "userpanel", post=4)["data"], recorded(name)["data"]

    assert kinds(told) == kinds(real)
    assert kinds(told["boards"][0]) == kinds(real["boards"][0])
    assert kinds(told["pools"][0]) == kinds(real["pools"][0])
    assert (len(told["boards"]), len(told["fans"])) == (len(real["boards"]), len(real["fans"]))


def test_a_query_does_as_well_as_a_form(fleet):
    (device,) = fleet.add("iceriver")
    url = f"http://{device.address}:{device.ports['http']}/user/userpanel"

    assert httpx.get(url, params={"post": 7}).json() == {"error": 0, "data": {}, "message": ""}
    assert httpx.get(url).json() == {"data": "userpanel"}


def test_the_mean_hashrate_decays_after_sleep_and_rises_after_waking(fleet, clock):
    (device,) = fleet.add("iceriver")

    def rate_ghs():
        return int(post(device, "userpanel", post=4)["data"]["rtpow"].removesuffix("G"))

    full = rate_ghs()
    form = {"post": 3, "fancontrol": "on", "fanratio": 80}
    assert post(device, "machineconfig", **form, fanmode="sleep")["error"] == 0
    pass_by(fleet, clock, 600)
    assert (rate_ghs(), device.state) == (0, "sleeping")
    assert device.power_w < 100
    post(device, "machineconfig", **form, fanmode="normal")
    pass_by(fleet, clock, 150)
    rising = rate_ghs()
    pass_by(fleet, clock, 600)

    assert 0 < rising < rate_ghs()
    assert rate_ghs() == pytest.approx(full, rel=0.05)
    assert post(device, "machineconfig", post=1)["data"]["ratio"] == 80


def test_it_stays_asleep_over_a_reboot(fleet, clock):
    (device,) = fleet.add("iceriver")
    post(device, "machineconfig", post=3, fanratio=80, fanmode="sleep")
    post(device, "userpanel", post=3)
    fleet.settle()
    with pytest.raises(httpx.ConnectError):
        post(device, "userpanel", post=4)
    pass_by(fleet, clock, 85)
    assert post(device, "userpanel", post=4)["message"] == "Connect miner failed!"
    pass_by(fleet, clock, 60)

    assert post(device, "machineconfig", post=1)["data"]["mode"] != 1


def test_old_firmware_needs_the_fan_ratio_with_the_pools(fleet):
    (device,) = fleet.add("iceriver", firmware="old")
    pools = {f"pool{n}{name}": "x" for n in (1, 2, 3) for name in ("address", "miner", "pwd")}

    assert post(device, "machineconfig", post=3, fanratio=1) == {"data": "machineConfig"}
    assert post(device, "machineconfig", post=2, **pools)["error"] == 3
    assert post(device, "machineconfig", post=2, **pools, fanratio=50)["error"] == 0


def test_a_login_is_wanted_and_refused(fleet):
    (device,) = fleet.add("iceriver", wants_login=True)

    assert post(device, "userpanel", post=4)["error"] == 1004
    assert post(device, "loginpost", post=6, user="admin", pwd="x")["error"] == 1002
    assert post(device, "loginpost", post=6, user="root", pwd="12345678")["error"] == 1001
    assert post(device, "loginpost", post=6, user="admin", pwd="12345678")["error"] == 0


def test_port_4111_answers_lines_and_stays_open(fleet):
    (device,) = fleet.add("iceriver", model="KS0")
    where = (device.address, device.ports["rpc"])
    with socket.create_connection(where, timeout=2) as connection, connection.makefile() as lines:
        connection.sendall(b'{"id":"info"}\n{"id":"bo')
        assert json.loads(lines.readline())["ret"]["softver1"] == "5977449_ks0_miner"
        connection.sendall(b'ard"}\nnonsense\n{"id":"nosuch"}\n')
        assert len(json.loads(lines.readline())["ret"]["boards"]) == 1
        assert json.loads(lines.readline())["ret"]["code"] == 1000
        assert json.loads(lines.readline())["ret"]["code"] == 1001


def test_pbfarmers_firmware_wants_its_token_and_its_permissions(fleet):
    (device,) = fleet.add("iceriver_pbfarmer", permissions={"view_miner"})

    assert api(device, "machine/ping", token="x").json() == {"error": 0, "message": ""}
    assert api(device, "overview", token="x").status_code == 401
    assert api(device, "machine/sleep").status_code == 403
    assert api(device, "machine").json()["machine"] == {"device": "KS5L", "mode": "normal"}
    assert api(device, "nosuch").status_code == 404


def test_the_clock_moves_hashrate_and_power(fleet, clock):
    (device,) = fleet.add("iceriver_pbfarmer")
    before_w, before_hs = device.power_w, device.plant.hashrate_hs()

    assert api(device, "clock/update", offset="-200").json()["error"] == 0
    assert api(device, "clock/update", offset="much").json()["error"] == 1
    pass_by(fleet, clock, 60)

    assert device.plant.hashrate_hs() == pytest.approx(before_hs * 675 / 875, rel=0.03)
    assert device.power_w < 0.9 * before_w
    assert api(device, "clock").json()["clock"] == {"base": 875, "offset": -200}
    newest = api(device, "timeseries?series=powerdraw").json()["series"][-1]
    assert sum(newest) == pytest.approx(device.power_w, rel=0.02)
