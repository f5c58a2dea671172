"""Room 3: speaking MQTT. Knows no vendor and no allocation."""
