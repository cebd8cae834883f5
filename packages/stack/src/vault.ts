/** The vault on this machine, for `whs admin secrets`, which loads it only when it is asked to. */
export { openSecretStore, rotateMasterKey } from "@whs/platform/secrets";
