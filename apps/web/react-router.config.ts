import type { Config } from "@react-router/dev/config";

export default {
  appDirectory: "src",
  // Another folder while a new build comes into being: the one in use is replaced at once (src/build.ts).
  buildDirectory: process.env["WEB_BUILD_DIRECTORY"] ?? "build",
  ssr: true,
  // All routes in the first page: no request that tells which pages exist, and none to wait for.
  routeDiscovery: { mode: "initial" },
} satisfies Config;
