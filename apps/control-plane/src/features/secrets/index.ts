export { pushSecretsJob, runPushSecrets, secretRefsFor } from "./push-secrets.ts";
export { bindSecrets } from "./routes.ts";
