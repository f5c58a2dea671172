// Finds the power that the sun leaves over: what the fleet draws, less what comes from the grid.
// In:  the grid's power in W with msg.settings, topic "tick" with msg.settings, ems/status,
//      ems/dispatch.
// Out: topic "wanted", payload in kW.
const now = Date.now();
const sun = context.get("sun") || {
    heard: now, samples: [], fleet_kw: null, rated_kw: 0, target_kw: 0, above: null, isOurs: false,
};
context.set("sun", sun);
const topic = String(msg.topic);

if (topic.endsWith("/ems/status")) {
    sun.fleet_kw = msg.payload.activePowerInKw;
    sun.rated_kw = msg.payload.ratedPowerInKw;
    return null;
}
if (topic.endsWith("/ems/dispatch")) {
    // An order of this flow that outlived a restart of Node-RED is carried on.
    const { id, state, targetPowerInKw } = msg.payload;
    const isLive = ["accepted", "started", "achieved", "partial"].includes(state);
    if (!sun.isOurs && isLive && String(id).startsWith("solar-")) {
        sun.target_kw = targetPowerInKw;
        sun.isOurs = true;
    }
    return null;
}

const settings = msg.settings;
if (topic !== "tick") {
    const path = settings.value_path ? settings.value_path.split(".") : [];
    const grid_w = Number.parseFloat(path.reduce((value, key) => (value ?? {})[key], msg.payload));
    if (!Number.isFinite(grid_w)) {
        node.status({ fill: "red", shape: "dot", text: "the grid's power is not a number" });
        node.error(`not a power in W: ${JSON.stringify(msg.payload).slice(0, 100)}`, msg);
        return null;
    }
    if (sun.fleet_kw === null) {
        node.status({ fill: "yellow", shape: "ring", text: "the fleet's power is not known" });
        return null;
    }
    sun.heard = now;
    sun.samples.push({ at: now, kw: sun.fleet_kw - grid_w / 1000 });
}
// A meter that reports seldom: its newest value counts until the time-out.
const newest = sun.samples[sun.samples.length - 1];
const first = now - 1000 * settings.mean_over_s;
sun.samples = sun.samples.filter((one) => one.at >= first || one === newest);

function fitting(available_kw) {
    const kw = Math.min(available_kw - settings.reserve_kw, settings.max_kw ?? Infinity, sun.rated_kw);
    return kw < settings.min_kw ? 0 : Math.floor(100 * kw + 1e-6) / 100;
}

function minuteOf(text) {
    const [hours, minutes] = text.split(":").map(Number);
    return 60 * hours + minutes;
}

function isNight() {
    const time = new Date(now);
    const minute = 60 * time.getHours() + time.getMinutes();
    return minute < minuteOf(settings.day_from) || minute >= minuteOf(settings.day_until);
}

function decide() {
    if (isNight()) return [0, "night"];
    if (now - sun.heard > 1000 * settings.meter_timeout_s) return [0, "the meter is silent"];
    if (!newest) return [sun.target_kw, "waiting for the meter"];
    const mean_kw = sun.samples.reduce((sum, one) => sum + one.kw, 0) / sun.samples.length;
    const offered = fitting(mean_kw);
    const seen = `${mean_kw.toFixed(2)} kW of sun`;
    // One short load moves the mean little; when it moves enough, the newest value is the truth.
    const careful = fitting(Math.min(mean_kw, newest.kw));
    if (offered < sun.target_kw && (offered === 0 || offered <= sun.target_kw - settings.step_kw)) {
        return [careful, seen];
    }
    const needed_kw = sun.target_kw > 0 ? sun.target_kw : settings.min_kw;
    if (offered < needed_kw + settings.step_kw) {
        sun.above = null;
        return [sun.target_kw, seen];
    }
    sun.above = sun.above ?? now;
    const left_s = settings.raise_after_s - (now - sun.above) / 1000;
    if (left_s > 0) return [sun.target_kw, `${seen}, more in ${Math.ceil(left_s)} s`];
    return [Math.max(careful, sun.target_kw), seen];
}

const [kw, why] = decide();
if (kw !== sun.target_kw) sun.above = null;
sun.target_kw = kw;
sun.isOurs = sun.isOurs || kw > 0;
node.status({ fill: kw > 0 ? "green" : "grey", shape: "dot", text: `${kw} kW: ${why}` });
if (!sun.isOurs) return null; // nothing was ordered yet: the fleet may be another's
return { topic: "wanted", payload: kw, by: "solar", valid_for_s: settings.valid_for_s };
