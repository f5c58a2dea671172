// Turns the wanted power into orders of the fleet: renews them before they end, checks the answers.
// In:  topic "wanted" with payload in kW, by, valid_for_s; the answers; bridge/state.
// Out: activate, deactivate, answers.
const ANSWER_WITHIN_S = 5;
const AGAIN_AFTER_S = 15;
const now = Date.now();
const order = context.get("order") || { isAway: true, kw: null, id: null, sent: 0, answer: null };
context.set("order", order);
const topic = String(msg.topic);

if (topic.endsWith("/bridge/state")) {
    order.isAway = msg.payload !== "online";
    order.answer = null;
    order.sent = 0; // what was ordered of a bridge that was away is ordered anew
    node.status(order.isAway ? { fill: "grey", shape: "ring", text: "the bridge is offline" } : {});
    return null;
}

if (topic.includes("/ems/response/")) {
    if (msg.payload.id !== order.id) return null; // the answer to somebody else
    order.answer = msg.payload;
    const { accepted, message, errorCode } = msg.payload;
    node.status(
        accepted
            ? { fill: "green", shape: "dot", text: `${order.kw} kW accepted` }
            : { fill: "red", shape: "dot", text: `${errorCode}: ${message}` },
    );
    return [null, null, msg];
}

if (order.isAway) return null;
const kw = Math.round(msg.payload * 1000) / 1000;
const age_s = (now - order.sent) / 1000;
const isAccepted = order.answer !== null && order.answer.accepted;
if (kw === order.kw && order.sent) {
    if (order.answer === null && age_s > ANSWER_WITHIN_S) {
        node.status({ fill: "red", shape: "ring", text: "no answer from the bridge" });
    }
    const renewal_s = kw > 0 ? msg.valid_for_s / 3 : Infinity;
    if (age_s < (isAccepted ? renewal_s : AGAIN_AFTER_S)) return null;
}
order.kw = kw;
order.id = `${msg.by}-${RED.util.generateId()}`;
order.sent = now;
order.answer = null;
const request = { id: order.id, at: new Date(now).toISOString() };
if (kw === 0) return [null, { payload: request }, null];
return [
    { payload: { ...request, activationPowerInKw: kw, validForSeconds: msg.valid_for_s } },
    null,
    null,
];
