// Reads an AsyncAPI document from stdin and prints what the official parser finds, as JSON.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const require = createRequire(`${process.argv[2]}/`);
const { Parser } = require("@asyncapi/parser");
const { document, diagnostics } = await new Parser().parse(readFileSync(0, "utf8"));
const found = diagnostics.map(({ severity, code, message, path }) => ({
  severity, code, message, path: path.join("/"),
}));
const channels = document ? document.allChannels().all().map((one) => one.address()) : [];
process.stdout.write(JSON.stringify({ diagnostics: found, channels }));
