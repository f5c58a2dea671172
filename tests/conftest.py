"""Fixtures that any test may ask for."""

from tests.certificates import certificates as certificates
from tests.mosquitto import mosquitto as mosquitto
