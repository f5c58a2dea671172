"""Fixtures that any test may ask for."""

from tests.certificates import certificates as certificates
from tests.faults import faults as faults
from tests.mosquitto import mosquitto as mosquitto
from tests.mqtt_rig import broker as broker
from tests.mqtt_rig import logged as logged
from tests.mqtt_rig import rig as rig
from tests.mqtt_rig import tap as tap
from tests.mqtt_rig import tapped as tapped
from tests.scripted_broker import scripted_broker as scripted_broker
