import { join } from "node:path";
import { ConfigurationError } from "../config/index.ts";
import { openLocalVault } from "./local-vault.ts";
import type { SecretStore } from "./port.ts";

export interface SecretStoreOptions {
  /** `SECRETS_URL`: `local:` for the vault under the data directory. */
  url: string;
  /** `WHS_DATA_DIR`. */
  dataDir: string;
  /** `WHS_MASTER_KEY_FILE`. */
  masterKeyFile: string;
}

/** Opens the store behind a URL of one scheme. */
export type SecretStoreDriver = (url: URL, options: SecretStoreOptions) => Promise<SecretStore>;

/** By the URL's scheme, colon included. A further store is one more entry. */
export const secretStoreDrivers: Readonly<Record<string, SecretStoreDriver>> = {
  "local:": async (url, { dataDir, masterKeyFile }) => {
    if (url.href !== "local:")
      throw new ConfigurationError("Cannot start:\n  SECRETS_URL: local: takes nothing after the colon; the vault is in WHS_DATA_DIR");
    return openLocalVault(join(dataDir, "vault"), masterKeyFile);
  },
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
