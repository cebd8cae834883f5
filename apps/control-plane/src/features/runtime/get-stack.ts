import type { AnswerOf, getRuntimeStack as endpoint } from "@whs/api";
import type { ProviderDescription, RuntimeProvider } from "@whs/runtimes";
import type { Context } from "../../context.ts";
import { ownVersion } from "../../own-version.ts";
import { deployJob } from "../deployments/index.ts";

type Stack = AnswerOf<typeof endpoint>;
type Component = Stack["components"][number];

/** Version of this contract between a stack and who asks what it can take. */
const apiVersion = "1.0";
const protocols = ["invoke/v1"];
/** Drivers that run agents on machines of the installation's own. */
const localDrivers = ["workerd", "local"];

/** What runs at this moment, each component with the version that it reports itself. */
export async function getStack(context: Context): Promise<Stack> {
  const [cloudflare, agentcore] = await Promise.all([
    observe(context, context.providers.cloudflare),
    observe(context, context.providers.agentcore),
  ]);
  return {
    apiVersion,
    mode: Object.values(context.providers).every(({ driver }) => localDrivers.includes(driver)) ? "local" : "cloud",
    components: [
      {
        name: "gateway",
        version: context.config.reportedVersions.gateway ?? ownVersion,
        status: "up",
        capabilities: ["invoke", "streaming", "sessions"],
      },
      provisioner(context),
      ...dataPlane(cloudflare),
    ],
    protocols,
    providers: {
      cloudflare:
        context.providers.cloudflare === undefined
          ? null
          : {
              driver: context.providers.cloudflare.driver,
              workerd: cloudflare?.version ?? null,
              compatibilityDate: cloudflare?.compatibilityDate ?? null,
              isolation: [...(cloudflare?.isolation ?? [])],
            },
      agentcore:
        context.providers.agentcore === undefined
          ? null
          : {
              driver: context.providers.agentcore.driver,
              version: agentcore?.supervisorVersion ?? null,
              region: agentcore?.region ?? null,
              isolation: [...(agentcore?.isolation ?? [])],
            },
    },
    observedAt: context.now().toISOString(),
  };
}

/** The deploy worker, which runs in every process of the control plane. */
function provisioner({ config, jobs }: Context): Component {
  if (!jobs.isWorking(deployJob)) return { name: "provisioner", version: null, status: "down", capabilities: [] };
  return {
    name: "provisioner",
    version: config.reportedVersions.provisioner ?? ownVersion,
    status: "up",
    capabilities: ["uploaded_bundle", "repo_ref"],
  };
}

/** Undefined when it is not there or does not answer. */
async function observe(context: Context, provider: RuntimeProvider | undefined): Promise<ProviderDescription | undefined> {
  if (provider === undefined) return undefined;
  try {
    return await provider.describe();
  } catch (error) {
    context.log.warn({ err: error, provider: provider.name, traceId: context.traceId }, "A runtime does not say what it is");
    return undefined;
  }
}

function dataPlane(description: ProviderDescription | undefined): Component[] {
  const down = { version: null, status: "down", capabilities: [] } as const;
  if (description === undefined)
    return [
      { name: "agent", ...down, capabilities: [] },
      { name: "runtime-node", ...down, capabilities: [] },
    ];
  const capabilities = [...description.capabilities];
  return [
    { name: "agent", version: description.supervisorVersion ?? description.version, status: "up", capabilities },
    { name: "runtime-node", version: description.version, status: "up", capabilities },
  ];
}
