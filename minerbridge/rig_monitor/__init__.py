"""Room 4: report to a Mining Rig Monitor server; knows no MQTT, no vendor."""
