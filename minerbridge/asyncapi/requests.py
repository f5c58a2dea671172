"""THE TABLE of requests: every one there is, in the order of the answers that serve them."""

from __future__ import annotations

from minerbridge.asyncapi.request_row import RequestRow
from minerbridge.asyncapi.rows_of_fleet import FLEET_REQUESTS
from minerbridge.asyncapi.rows_of_miners import MINER_REQUESTS
from minerbridge.asyncapi.rows_of_others import MONITOR_REQUESTS, PLATFORM_REQUESTS
from minerbridge.asyncapi.rows_of_power import POWER_REQUESTS

REQUESTS: tuple[RequestRow, ...] = (
    *MINER_REQUESTS,
    *FLEET_REQUESTS,
    *POWER_REQUESTS,
    *PLATFORM_REQUESTS,
    *MONITOR_REQUESTS,
)
