"""Bridge between ASIC miners on the LAN, MQTT, Home Assistant and energy management systems."""

__version__ = "0.1.0"
