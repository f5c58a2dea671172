// Sends a command under an id of its own and waits for the one result that carries it.
// In:  a command (topic .../set, payload: the value), the miner's results, bridge/state.
// Out: the command, its result.
const PATIENCE_S = 600; // a restart that has to be seen mining again takes minutes
const COLOURS = { confirmed: "green", unconfirmed: "yellow", superseded: "grey" };
const sent = context.get("sent") || {};
context.set("sent", sent);
const topic = String(msg.topic);

if (topic.endsWith("/bridge/state")) {
    context.set("isAway", msg.payload !== "online");
    return null;
}

if (topic.endsWith("/result")) {
    const { id, key, status, message } = msg.payload;
    if (!(id in sent)) return null; // the result of somebody else's command
    delete sent[id];
    const text = `${key} ${status}: ${message}`;
    node.status({ fill: COLOURS[status] || "red", shape: "dot", text });
    return [null, msg];
}

if (context.get("isAway") ?? true) {
    node.status({ fill: "red", shape: "ring", text: "not sent: the bridge is offline" });
    return null;
}
const id = `nodered-${RED.util.generateId()}`;
const key = topic.split("/").slice(-2)[0];
sent[id] = key;
node.status({ fill: "blue", shape: "ring", text: `${key} ${msg.payload}: waiting for the result` });
setTimeout(() => {
    if (!(id in sent)) return;
    delete sent[id];
    node.status({ fill: "red", shape: "ring", text: `${key}: no result in ${PATIENCE_S} s` });
    node.error(`${key}: no result in ${PATIENCE_S} s; whether it was done is not known`, msg);
}, 1000 * PATIENCE_S);
return [{ topic, payload: { value: msg.payload, id } }, null];
