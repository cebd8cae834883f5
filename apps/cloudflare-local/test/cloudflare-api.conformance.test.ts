import { runtimeConformance } from "@whs/runtimes/conformance";
import { CloudflarePlane } from "./cloudflare-plane.ts";

runtimeConformance("Cloudflare's API, on the local server", () => CloudflarePlane.start());
