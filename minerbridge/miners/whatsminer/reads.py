"""What a WhatsMiner is asked for a recording: all that is read, nothing that needs a password."""

from __future__ import annotations

#: `version` and `stats` are no commands of the manual, but what a miner is recognised by. Left out
#: are `get_token`, which uses up one of few, and `get_customer_msg`, which is the owner's own text.
V2_READS = (
    "version", "stats", "summary", "pools", "edevs", "devs", "devdetails", "get_psu", "get_version",
    "status", "get_miner_info", "get_error_code",
)  # fmt: skip
V2_JOINED = "summary+pools"
#: Command and `param`.
V3_READS = (
    ("get.device.info", ""),
    ("get.device.info", "miner"),
    ("get.miner.status", "summary+pools+edevs"),
    ("get.miner.status", "summary"),
    ("get.miner.setting", ""),
    ("get.fan.setting", ""),
    ("get.system.setting", ""),
)
