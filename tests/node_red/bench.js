// Runs the code of one function node on messages at times that are given, and prints what came of
// each: [[sent, status, errors], ...]. A context outlives messages, as in Node-RED.
const { code, steps } = JSON.parse(require("fs").readFileSync(0, "utf8"));
let now = 0;
let ids = 0;

class Clock extends Date {
    constructor(...given) {
        super(...(given.length ? given : [now]));
    }

    static now() {
        return now;
    }
}

function store() {
    const kept = new Map();
    return { get: (key) => kept.get(key), set: (key, value) => kept.set(key, value) };
}

const context = store();
const flow = store();
const RED = { util: { generateId: () => `id${++ids}` } };
const run = new Function("msg", "context", "flow", "node", "RED", "Date", "setTimeout", code);
const seen = steps.map(([at_s, msg]) => {
    now = 1000 * at_s;
    const [statuses, errors] = [[], []];
    const node = { status: (one) => statuses.push(one.text), error: (text) => errors.push(text) };
    const sent = run(msg, context, flow, node, RED, Clock, () => null) ?? null;
    return [sent, statuses.pop() ?? null, errors];
});
console.log(JSON.stringify(seen));
