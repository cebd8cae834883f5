import type { SecretStore } from "@whs/platform/secrets";
import { ProviderError, type RuntimeProvider } from "@whs/runtimes";
import { type AgentcoreEvent, type AgentcoreLine, createAgentcoreProvider, ecrCredentials } from "@whs/runtimes/agentcore";
import type { AgentcoreSettings } from "./agentcore-settings.ts";

/** The driver with its surroundings in this process: the secret store, metering, agents' logs and the image registry. */
export function openAgentcore(
  settings: AgentcoreSettings,
  surroundings: {
    secrets: Pick<SecretStore, "get">;
    report: (event: AgentcoreEvent) => void;
    log: (lines: readonly AgentcoreLine[]) => void;
  },
): RuntimeProvider {
  const { credentials } = settings;
  const registryCredentials =
    credentials === undefined
      ? ecrCredentials(settings.region)
      : () => Promise.resolve({ username: credentials.accessKeyId, password: credentials.secretAccessKey });
  return createAgentcoreProvider({
    ...settings,
    images: { ...settings.images, credentials: registryCredentials },
    report: surroundings.report,
    log: surroundings.log,
    async readSecret(reference) {
      const value = await surroundings.secrets.get(reference);
      // Between the reading of the reference and now it was replaced: another try reads the new one.
      if (value === undefined) throw new ProviderError("transient", "The agent's secrets are being changed.", { reached: false });
      return value;
    },
  });
}
