import { activateDeployment, getDeployment } from "@whs/api";
import { type ActionFunctionArgs, data, Form, type LoaderFunctionArgs, useActionData, useLoaderData, useNavigation } from "react-router";
import { apiOf } from "../../../api.server.ts";
import { redirectWith } from "../../../flash.server.ts";
import { textOf } from "../../../form-text.ts";
import { paths } from "../../../paths.ts";
import { Button, ButtonLink } from "../../../ui/button.tsx";
import { TextField } from "../../../ui/field.tsx";
import { ProblemNotice } from "../../../ui/notice.tsx";
import { Time } from "../../../ui/time.tsx";
import { useAgent } from "../agent-frame.tsx";

export async function loader(args: LoaderFunctionArgs) {
  const api = apiOf(args);
  const { agentId = "", deploymentId = "" } = args.params;
  const { deployment } = await api.call(getDeployment, { id: deploymentId });
  if (deployment.agentId !== agentId) throw data(null, { status: 404 });
  return { deployment };
}

export async function action(args: ActionFunctionArgs) {
  const { agentId = "", deploymentId = "" } = args.params;
  const reason = textOf(await args.request.formData(), "reason");
  const activated = await apiOf(args).attempt(activateDeployment, {
    id: agentId,
    deploymentId,
    body: reason === undefined ? {} : { reason },
  });
  if (!activated.ok) return { problem: activated.problem };
  return redirectWith(args.context, paths.deployments(agentId), `Version ${activated.answer.deployment.version} serves now.`);
}

export default function ActivatePage() {
  const { deployment } = useLoaderData<typeof loader>();
  const problem = useActionData<typeof action>()?.problem;
  const agent = useAgent();
  const pending = useNavigation().state === "submitting";
  const { version } = deployment;
  return (
    <Form method="post" className="flex max-w-xl flex-col gap-5">
      <h2 className="text-lg font-semibold">Activate version {version}?</h2>
      <ProblemNotice problem={problem} />
      <p>
        From the next request on, everybody who calls <strong>{agent.name}</strong> is answered by version {version}, deployed{" "}
        <Time value={deployment.createdAt} form="relative" />. Secrets stay as they are, and the version that serves now can be activated
        again.
      </p>
      <TextField label="Reason (optional)" name="reason" maxLength={1000} hint="For the audit log." error={problem?.fields["reason"]} />
      <div className="flex flex-wrap gap-2">
        <Button type="submit" look="primary" pending={pending}>
          Activate version {version}
        </Button>
        <ButtonLink to={paths.deployments(agent.id)}>Cancel</ButtonLink>
      </div>
    </Form>
  );
}
