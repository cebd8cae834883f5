/** Starts this machine's Chromium in a sandbox whose only way out is the egress proxy. */
import { access } from "node:fs/promises";
import { findPrograms } from "@whs/platform/sandbox";
import { z } from "zod";
import { AwsError } from "../../http/aws-error.ts";
import { RunningSandbox, type SandboxSurroundings } from "../../sandbox/running-sandbox.ts";
import { hostView } from "../../sandbox/view.ts";
import { untilHealthy } from "../until-healthy.ts";

export interface ViewPort {
  width: number;
  height: number;
}

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
/** Debian's `chromium` is a script that reads settings which a sandbox does not have; this is what it starts. */
const DEBIAN_BINARY = "/usr/lib/chromium/chromium";
const PORT = 9222;
/** No agent has this id, so no agent's list of hosts applies. */
const AGENT_ID = "browser";
const versionSchema = z.object({ webSocketDebuggerUrl: z.url() });

export async function startBrowser(surroundings: SandboxSurroundings, { width, height }: ViewPort): Promise<RunningSandbox> {
  if (!surroundings.plan.isolated)
    throw new AwsError(
      "AccessDeniedException",
      "Browser sessions need a sandbox, which this machine does not have: on Debian, apt-get install bubblewrap.",
    );
  const program = await findChromium();
  if (program === undefined)
    throw new AwsError(
      "AccessDeniedException",
      "Browser sessions need Chromium, which this machine does not have: on Debian, apt-get install chromium.",
    );
  const sandbox = await RunningSandbox.start(
    {
      agentId: AGENT_ID,
      view: await hostView(),
      root: null,
      argv: [program, ...chromiumArguments(width, height)],
      env: { PATH: "/usr/local/bin:/usr/bin:/bin", HOME: "/tmp", LANG: "C.UTF-8" },
      workingDirectory: "/tmp",
      port: PORT,
      writable: {},
      onLine: () => undefined,
    },
    surroundings,
  );
  return untilHealthy(sandbox, "/json/version");
}

/** Path of the WebSocket that Chromium itself offers. */
export async function debuggerPath(sandbox: RunningSandbox): Promise<string> {
  const { body } = await sandbox.pool.request({ method: "GET", path: "/json/version" });
  return new URL(versionSchema.parse(await body.json()).webSocketDebuggerUrl).pathname;
}

async function findChromium(): Promise<string | undefined> {
  const found = await findPrograms(NAMES);
  const program = NAMES.map((name) => found[name]).find((path) => path !== undefined);
  if (program !== "/usr/bin/chromium") return program;
  return access(DEBIAN_BINARY).then(
    () => DEBIAN_BINARY,
    () => program,
  );
}

function chromiumArguments(width: number, height: number): readonly string[] {
  return [
    "--headless=new",
    // Its own sandbox needs rights that ours does not give; ours is around all of it.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-crash-reporter",
    "--no-first-run",
    "--no-default-browser-check",
    `--remote-debugging-port=${PORT}`,
    "--user-data-dir=/tmp/profile",
    "--proxy-server=http://127.0.0.1:3128",
    // Loopback as well goes to the proxy, which refuses it.
    "--proxy-bypass-list=<-loopback>",
    `--window-size=${width},${height}`,
    "about:blank",
  ];
}
