"""One house for all tests of the folder: Home Assistant takes seconds to start."""

import pytest

from tests.homeassistant.harness import INSTALLATION
from tests.homeassistant.house import House
from tests.mosquitto import PROGRAM, brokers


@pytest.fixture(scope="package")
def house(tmp_path_factory):
    if not (INSTALLATION / "version").exists():
        pytest.skip("Home Assistant is not installed (tests/homeassistant/install.sh)")
    if not PROGRAM:
        pytest.skip("mosquitto is not installed")
    with brokers() as start_broker:
        house = House(tmp_path_factory.mktemp("house"), start_broker)
        try:
            house.start()
            yield house
        finally:
            house.stop()
            print(house.bridge.log.read_text()[-5000:])  # shown with a failure


@pytest.fixture
def home(house):
    return house.home


@pytest.fixture
def socket(house):
    with house.home.socket() as connection:
        yield connection
