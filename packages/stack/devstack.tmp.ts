import { FREE_PORTS, startStack } from "@whs/stack";
import { writeFileSync } from "node:fs";
const t = Date.now();
const stack = await startStack({ dataDir: "/tmp/w/devstack2", ports: FREE_PORTS });
writeFileSync("/tmp/w/devstack.json", JSON.stringify(stack.endpoints));
console.log(Date.now() - t, stack.endpoints);
process.on("SIGTERM", async () => { await stack.stop(); process.exit(0); });
setInterval(() => {}, 1000);
