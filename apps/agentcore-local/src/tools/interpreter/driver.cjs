// Runs pieces of JavaScript or TypeScript one after the other, with what they define kept between them. Orders come as lines of
// JSON on file descriptor 3; each is answered on descriptor 4 after its marker was written to both outputs.
const { createReadStream, writeSync } = require("node:fs");
const { createRequire, stripTypeScriptTypes } = require("node:module");
const { createInterface } = require("node:readline");
const vm = require("node:vm");
const { inspect } = require("node:util");

process.removeAllListeners("warning");

function fresh() {
  const names = Object.getOwnPropertyNames(globalThis).filter((name) => !(name in vm.runInNewContext("globalThis")));
  const context = vm.createContext(Object.fromEntries(names.map((name) => [name, Reflect.get(globalThis, name)])));
  Object.assign(context, { console, process, Buffer, require: createRequire(`${process.cwd()}/`), globalThis: context });
  return context;
}

/** @param {string} code @param {vm.Context} context */
async function evaluate(code, context) {
  const importModuleDynamically = vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER;
  try {
    return await new vm.Script(code, { filename: "code.js", importModuleDynamically }).runInContext(context);
  } catch (error) {
    // Scripts have no `await` at the top; functions do.
    if (!(error instanceof SyntaxError) || !code.includes("await")) throw error;
    return await new vm.Script(`(async () => {${code}\n})()`, { filename: "code.js", importModuleDynamically }).runInContext(context);
  }
}

let context = fresh();

/** @param {{ code: string, language: string, clear?: boolean, marker: string }} order */
async function execute(order) {
  if (order.clear === true) context = fresh();
  let failed = false;
  try {
    const value = await evaluate(order.language === "typescript" ? stripTypeScriptTypes(order.code) : order.code, context);
    if (value !== undefined) writeSync(1, `${typeof value === "string" ? value : inspect(value)}\n`);
  } catch (error) {
    failed = true;
    writeSync(
      2,
      `${error instanceof Error || Object.prototype.toString.call(error) === "[object Error]" ? Reflect.get(Object(error), "stack") : inspect(error)}\n`,
    );
  }
  // What was written before must be out before the marker.
  for (const stream of [process.stdout, process.stderr]) await new Promise((resolve) => stream.write(order.marker, resolve));
  writeSync(4, `${JSON.stringify({ failed })}\n`);
}

async function main() {
  for await (const line of createInterface({ input: createReadStream("", { fd: 3 }) })) await execute(JSON.parse(line));
}

void main();
