// Keeps ems/dispatch, the life of the order in force (flow context "dispatch"), and shows it.
const COLOURS = { accepted: "blue", started: "blue", achieved: "green", partial: "yellow" };
const { state, reason, targetPowerInKw, activePowerInKw } = msg.payload;
flow.set("dispatch", msg.payload);
if (state === null) {
    node.status({ fill: "grey", shape: "ring", text: "no order" });
    return msg;
}
node.status({
    fill: COLOURS[state] || "red",
    shape: "dot",
    text:
        `${state}${reason ? ` (${reason})` : ""}: ${targetPowerInKw ?? "no"} kW ordered, ` +
        `${activePowerInKw ?? "unknown"} kW drawn`,
});
return msg;
