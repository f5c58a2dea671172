// Finds the power that the table wants now, in the time zone of this computer.
// In:  a tick, or topic "manual" with a power in kW or "schedule", each with msg.schedule.
// Out: topic "wanted", payload in kW.
function minuteOf(text) {
    const found = /^([01]?\d|2[0-3]):([0-5]\d)$/.exec(text);
    return found ? 60 * Number(found[1]) + Number(found[2]) : NaN;
}

const rows = msg.schedule.map((row) => ({ minute: minuteOf(row.from), ...row }));
const wrong = rows.find((row) => Number.isNaN(row.minute) || !(row.kw >= 0));
if (wrong || !rows.length) {
    node.status({ fill: "red", shape: "dot", text: "a row of the schedule is wrong" });
    node.error(`not a row such as {"from": "06:30", "kw": 2}: ${JSON.stringify(wrong)}`, msg);
    return null;
}
if (msg.topic === "manual") {
    context.set("manual", msg.payload === "schedule" ? null : Number(msg.payload));
}
rows.sort((a, b) => a.minute - b.minute);
const now = new Date();
const minute = 60 * now.getHours() + now.getMinutes();
// Before the first row of the day the last one, of yesterday, still holds.
const row = rows.filter((one) => one.minute <= minute).pop() || rows[rows.length - 1];
const manual = context.get("manual") ?? null;
const wanted = manual ?? row.kw;
const rated = (flow.get("fleet") || {}).ratedPowerInKw;
const kw = rated > 0 ? Math.min(wanted, rated) : wanted;
const since = manual === null ? `since ${row.from}` : "by hand";
const cap = kw < wanted ? `, of ${wanted} kW: the fleet's rated power` : "";
node.status({ fill: "blue", shape: "dot", text: `${kw} kW ${since}${cap}` });
return { ...msg, topic: "wanted", payload: kw };
