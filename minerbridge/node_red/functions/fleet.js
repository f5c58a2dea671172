// Keeps ems/status for the other nodes of this tab (flow context "fleet") and shows it.
const { isAvailableForDispatch, activePowerInKw, ratedPowerInKw } = msg.payload;
flow.set("fleet", msg.payload);
node.status({
    fill: isAvailableForDispatch ? "green" : "yellow",
    shape: "dot",
    text:
        `${activePowerInKw ?? "unknown"} of ${ratedPowerInKw} kW, ` +
        (isAvailableForDispatch ? "available" : "not available for dispatch"),
});
return msg;
