import { runtimeConformance } from "@whs/runtimes/conformance";
import { DataPlane } from "./data-plane.ts";

runtimeConformance("workerd with every layer that the machine offers", () => DataPlane.start());
runtimeConformance("workerd without bubblewrap", () => DataPlane.start({ environment: { WHS_CELL_SANDBOX: "none" } }));
