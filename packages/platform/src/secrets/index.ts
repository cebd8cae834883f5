/** Secrets outside the database: the port, and the stores behind it. */
export { openSecretStore, type SecretStoreDriver, secretStoreDrivers, type SecretStoreLog, type SecretStoreOptions } from "./open.ts";
export { MAX_VALUE_BYTES, type SecretStore, SecretStoreError, type SecretStoreErrorCode } from "./port.ts";
export { type MasterKeyRotation, rotateMasterKey } from "./rotate-master-key.ts";
