"""Fixtures that any test may ask for."""

from tests.mosquitto import mosquitto as mosquitto
