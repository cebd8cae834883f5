import { getDeployment } from "@whs/api";
import { command, required } from "../../command.ts";
import { describeDeployment } from "../../deployments/describe-deployment.ts";

export const deploymentsGet = command({
  path: ["deployments", "get"],
  group: "Build and deploy",
  summary: "Show a deployment",
  args: { deployment: required("The deployment's id") },
  options: {},
  async run({ api, output }, { args }) {
    const answer = await api.call(getDeployment, { id: args.deployment });
    output.answer(answer, () => describeDeployment(answer.deployment, output.style));
  },
});
