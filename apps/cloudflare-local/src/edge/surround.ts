/** Modules around a script's own: what Cloudflare's configuration gives a Worker and the loader does not. */
import { LOCAL_BINDINGS, LOCAL_MAIN, MISSING_HEADER, RAW_PREFIX, SCRIPT_HEADER, type VersionCode } from "./protocol.ts";

export function surround(code: VersionCode): Record<string, { js: string }> {
  return { [LOCAL_MAIN]: { js: mainModule(code.mainModule) }, [LOCAL_BINDINGS]: { js: bindingsModule(code) } };
}

function mainModule(name: string): string {
  const own = JSON.stringify(`./${name}`);
  return `import { WorkerEntrypoint } from "cloudflare:workers";
import "./${LOCAL_BINDINGS}";
import * as script from ${own};
export * from ${own};
export default script.default;
export class CfLocalProbe extends WorkerEntrypoint {
  fetch() { return Response.json(Object.keys(script)); }
}
export class CfLocalTail extends WorkerEntrypoint {
  async deliver(events) { await script.default.tail(events, this.env, this.ctx); }
}
`;
}

function bindingsModule({ dispatchNamespaces, objectNamespaces }: VersionCode): string {
  const standIn = (name: string, maker: string) =>
    `env[${JSON.stringify(name)}] = ${maker}(env[${JSON.stringify(RAW_PREFIX + name)}]);\ndelete env[${JSON.stringify(RAW_PREFIX + name)}];\n`;
  return `import { env } from "cloudflare:workers";
function dispatchNamespace(raw) {
  const get = (script) => ({
    async fetch(input, init) {
      const request = new Request(input, init);
      const headers = new Headers(request.headers);
      headers.set("${SCRIPT_HEADER}", script);
      const response = await raw.fetch(new Request(request, { headers }), { signal: request.signal });
      if (response.headers.get("${MISSING_HEADER}") !== null) throw new Error("Worker not found.");
      return response;
    },
  });
  return { get };
}
function objectNamespace(raw) {
  const idFromName = (name) => ({ name, toString: () => name });
  const method = (name, property) => (...args) => raw.callObject(name, property, args);
  const get = ({ name }) => new Proxy({}, { get: (_, property) => (property === "then" ? undefined : method(name, property)) });
  return { idFromName, get };
}
${Object.keys(dispatchNamespaces)
  .map((name) => standIn(name, "dispatchNamespace"))
  .join("")}${Object.keys(objectNamespaces)
    .map((name) => standIn(name, "objectNamespace"))
    .join("")}`;
}
