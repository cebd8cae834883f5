import { join } from "node:path";
import { ConfigurationError } from "../config/index.ts";
import type { SecretStore } from "./port.ts";

export interface SecretStoreOptions {
  /** `SECRETS_URL`: `local:` for the vault under the data directory, `openbao+https://…` or `aws-sm://…`. */
  url: string;
  /** `WHS_DATA_DIR`. */
  dataDir: string;
  /** `WHS_MASTER_KEY_FILE`; of `local:` alone. */
  masterKeyFile: string;
  /** `WHS_SECRETS_TOKEN_FILE`: a file with the token of `openbao+https:`. */
  tokenFile?: string | undefined;
  /** `WHS_ALLOW_HTTP`: without TLS also beyond loopback. */
  allowHttp?: boolean | undefined;
  /** Told of what a store puts up with, such as a token that could not be renewed yet. */
  log?: SecretStoreLog | undefined;
}

/** The part of a logger that a store uses. */
export interface SecretStoreLog {
  warn(fields: { err: unknown }, message: string): void;
}

/** Opens the store behind a URL of one scheme. */
export type SecretStoreDriver = (url: URL, options: SecretStoreOptions) => Promise<SecretStore>;

/** Drivers load their libraries when they are chosen, so that no other store pays for them. */
const openBao: SecretStoreDriver = async (url, options) => (await import("./openbao.ts")).openOpenBao(url, options);

/** By the URL's scheme, colon included. A further store is one more entry. */
export const secretStoreDrivers: Readonly<Record<string, SecretStoreDriver>> = {
  "local:": async (url, { dataDir, masterKeyFile }) => {
    if (url.href !== "local:")
      throw new ConfigurationError("Cannot start:\n  SECRETS_URL: local: takes nothing after the colon; the vault is in WHS_DATA_DIR");
    return (await import("./local-vault.ts")).openLocalVault(join(dataDir, "vault"), masterKeyFile);
  },
  "openbao+https:": openBao,
  "openbao+http:": openBao,
  "aws-sm:": async (url, options) => (await import("./aws-secrets-manager.ts")).openAwsSecretsManager(url, options),
};

/**
 * Opens the secret store that the configuration names.
 * @throws ConfigurationError for a URL that no driver takes; it names the scheme alone, as a URL may hold credentials.
 * @throws SecretStoreError when the store cannot be opened.
 */
export async function openSecretStore(options: SecretStoreOptions, drivers = secretStoreDrivers): Promise<SecretStore> {
  const should = `it should be one of ${Object.keys(drivers).join(", ")}`;
  if (!URL.canParse(options.url)) throw new ConfigurationError(`Cannot start:\n  SECRETS_URL is not a URL; ${should}`);
  const url = new URL(options.url);
  const driver = Object.hasOwn(drivers, url.protocol) ? drivers[url.protocol] : undefined;
  if (driver === undefined)
    throw new ConfigurationError(
      `Cannot start:\n  SECRETS_URL: secret stores of ${url.protocol} are not available in this version; ${should}`,
    );
  return driver(url, options);
}
