/** Starts sandboxes that run code: this machine's Python and Node, without any network. */
import { fileURLToPath } from "node:url";
import { findPrograms } from "@whs/platform/sandbox";
import { AwsError } from "../../http/aws-error.ts";
import { RunningSandbox, type SandboxSurroundings } from "../../sandbox/running-sandbox.ts";
import { hostView } from "../../sandbox/view.ts";
import { untilHealthy } from "../until-healthy.ts";

const FOLDER = fileURLToPath(new URL(".", import.meta.url));
const INSIDE_TOOL = "/.whs/tool";
const WORKSPACE = "/tmp/workspace";
/** Of one execution. */
const TIMEOUT_MS = 300_000;

export async function startInterpreter(surroundings: SandboxSurroundings): Promise<RunningSandbox> {
  const { plan } = surroundings;
  if (!plan.isolated)
    throw new AwsError(
      "AccessDeniedException",
      "Code interpreter sessions need a sandbox, which this machine does not have: on Debian, apt-get install bubblewrap.",
    );
  const { python3 } = await findPrograms(["python3"]);
  const node = plan.node;
  const settings = { workspace: WORKSPACE, python: python3 ?? null, node, drivers: INSIDE_TOOL, timeoutMs: TIMEOUT_MS };
  const sandbox = await RunningSandbox.start(
    {
      agentId: null,
      view: await hostView(),
      mounts: ["server.cjs", "driver.cjs", "driver.py"].map((name) => ({ at: `${INSIDE_TOOL}/${name}`, from: `${FOLDER}${name}` })),
      root: null,
      argv: [...node, `${INSIDE_TOOL}/server.cjs`, JSON.stringify(settings)],
      env: {
        PATH: "/usr/local/bin:/usr/bin:/bin",
        HOME: WORKSPACE,
        LANG: "C.UTF-8",
        PYTHONDONTWRITEBYTECODE: "1",
      },
      workingDirectory: "/",
      port: 8080,
      writable: {},
      onLine: () => undefined,
    },
    surroundings,
  );
  return untilHealthy(sandbox, "/ping");
}
