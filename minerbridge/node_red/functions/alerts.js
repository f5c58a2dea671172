// One alert per miner and cause. Events say why; the retained states (availability, problem) say
// what began while Node-RED was away. Those wait for an event that explains them.
// In:  bridge/event, bridge/state, a miner's availability and problem, topic "tick"; all with
//      msg.settings.
// Out: alerts, all-clears.
const WAIT_FOR_EVENT_S = 5;
const now = Date.now();
const seen = context.get("seen") || {
    open: {}, suspects: {}, told: {}, miners: {}, times: [], unsaid: 0,
};
context.set("seen", seen);
const { repeat_after_s, max_per_minute } = msg.settings;
const alerts = [];
const clears = [];

function say(list, miner_id, cause, message) {
    seen.times = seen.times.filter((at) => now - at < 60000);
    if (seen.times.length >= max_per_minute) {
        seen.unsaid += 1;
        return false;
    }
    seen.times.push(now);
    const at = new Date(now).toISOString();
    const alert = { miner_id, cause, message, at, is_cleared: list === clears };
    list.push({ topic: `${miner_id} ${cause}`, payload: `${miner_id}: ${message}`, alert });
    return true;
}

function raise(miner_id, cause, message, staysOpen = true) {
    const key = `${miner_id} ${cause}`;
    delete seen.suspects[key];
    if (seen.open[key]) return;
    const isRepeated = now - (seen.told[key] ?? 0) < 1000 * repeat_after_s;
    const isTold = !isRepeated && say(alerts, miner_id, cause, message);
    if (isTold) seen.told[key] = now;
    if (staysOpen) seen.open[key] = { miner_id, cause, isTold };
}

function clear(miner_id, isMeant) {
    for (const list of [seen.suspects, seen.open]) {
        for (const [key, one] of Object.entries(list)) {
            if (one.miner_id !== miner_id || !isMeant(one.cause)) continue;
            delete list[key];
            if (one.isTold) say(clears, miner_id, one.cause, `${one.cause} is over`);
        }
    }
}

function suspect(miner_id, cause, message) {
    const key = `${miner_id} ${cause}`;
    seen.suspects[key] = seen.suspects[key] || { at: now, miner_id, cause, message };
}

function hearEvent({ type, miner_id, code, message, pool_url }) {
    if (type === "error_raised") raise(miner_id, code, `error ${code}: ${message}`);
    if (type === "error_cleared") clear(miner_id, (cause) => cause === code);
    if (type === "miner_offline" || type === "wrong_device") {
        raise(miner_id, "OFFLINE", `offline, ${code}: ${message}`);
    }
    if (type === "miner_online") clear(miner_id, (cause) => cause === "OFFLINE");
    if (type === "overheated") raise(miner_id, "OVERHEATED", message);
    if (type === "protection_ended") clear(miner_id, (cause) => cause === "OVERHEATED");
    if (type === "pool_lost") raise(miner_id, "POOL_LOST", `lost its pool ${pool_url ?? ""}`, false);
}

function tick() {
    for (const [key, one] of Object.entries(seen.suspects)) {
        if (now - one.at < 1000 * WAIT_FOR_EVENT_S) continue;
        delete seen.suspects[key];
        const causes = Object.values(seen.open).filter((open) => open.miner_id === one.miner_id);
        const isExplained = one.cause === "PROBLEM" && causes.some((open) => open.cause !== "OFFLINE");
        // The topic of a problem may be another bridge's: only miners of this one are known.
        if (!isExplained && seen.miners[one.miner_id]) raise(one.miner_id, one.cause, one.message);
    }
    const more = seen.unsaid;
    if (more && now - (seen.times[0] ?? 0) >= 60000) {
        seen.unsaid = 0;
        say(alerts, "bridge", "MORE", `${more} more messages were left out`);
    }
    for (const [key, at] of Object.entries(seen.told)) {
        if (now - at >= 1000 * repeat_after_s) delete seen.told[key];
    }
}

const levels = String(msg.topic).split("/");
const [subject, what] = levels.slice(-2);
if (msg.topic === "tick") {
    tick();
} else if (what === "event") {
    hearEvent(msg.payload);
} else if (subject === "bridge") {
    if (msg.payload === "online") clear("bridge", () => true);
    else raise("bridge", "OFFLINE", "the bridge is offline");
} else if (what === "availability") {
    if (msg.payload) seen.miners[subject] = true;
    if (msg.payload === "online") clear(subject, (cause) => cause === "OFFLINE");
    if (msg.payload === "offline") suspect(subject, "OFFLINE", "offline");
    if (msg.payload === "") delete seen.miners[subject]; // it left the settings
} else {
    const miner_id = levels[levels.length - 3];
    if (msg.payload === "ON") suspect(miner_id, "PROBLEM", "reports a problem");
    if (msg.payload === "OFF") clear(miner_id, (cause) => cause !== "OFFLINE");
}

const open = Object.keys(seen.open);
node.status(
    open.length
        ? { fill: "red", shape: "dot", text: `${open.length} open: ${open[open.length - 1]}` }
        : { fill: "green", shape: "dot", text: "nothing is wrong" },
);
return [alerts, clears];
