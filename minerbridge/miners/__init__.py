"""Room 1: talking to a miner. Knows no MQTT and no EMS."""
