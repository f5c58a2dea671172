"""Flows for Node-RED: tabs in `flows/`, what their function nodes run, what their notes say."""
