"""Broker, simulated miners and bridge in one process, with a picture of what they do."""
