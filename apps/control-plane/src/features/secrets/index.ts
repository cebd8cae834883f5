export { pushSecretsJob, runPushSecrets, secretRefsFor } from "./push-secrets.ts";
export { bindSecrets } from "./routes.ts";
export { setKeysOf } from "./store.ts";
export { sweepSecrets, sweepSecretsJob } from "./sweep-secrets.ts";
