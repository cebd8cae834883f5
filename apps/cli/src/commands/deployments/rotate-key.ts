import { rotateTelemetryKey } from "@whs/api";
import { command, required } from "../../command.ts";
import { time } from "../../terminal/format.ts";

export const deploymentsRotateKey = command({
  path: ["deployments", "rotate-key"],
  group: "Build and deploy",
  summary: "Replace the key that signs a deployment's telemetry",
  args: { deployment: required("The deployment's id") },
  options: {},
  async run({ api, output }, { args }) {
    const answer = await api.call(rotateTelemetryKey, { id: args.deployment });
    output.answer(
      answer,
      () => `The key is now version ${answer.keyVersion}. The one before is accepted until ${time(answer.overlapUntil)}.`,
    );
  },
});
