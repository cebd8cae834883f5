/** Apart from the other drivers: the SDK is large, and only who runs agents on Cloudflare loads it. */
export { type CloudflareApiProviderOptions, createCloudflareApiProvider } from "./provider.ts";
export { type CloudflareSetup, type CloudflareSetupOptions, setUpCloudflare } from "./setup.ts";
