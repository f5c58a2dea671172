"""Room 2: obeying the energy management system. Knows no MQTT and no vendor."""
