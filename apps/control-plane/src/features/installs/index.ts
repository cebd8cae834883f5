export { acknowledgeInstall, acknowledgeInstallJob } from "./acknowledge-install.ts";
export { deployWhenSecretsAreSet } from "./create-install.ts";
export { createMarketplace, type Marketplace } from "./marketplace.ts";
export { bindInstalls } from "./routes.ts";
