import { paths } from "../../paths.ts";
import { ButtonLink } from "../../ui/button.tsx";
import { Notice } from "../../ui/notice.tsx";
import { PageHeader } from "../../ui/page-header.tsx";

/** The agent is there, and waits for secrets that only its new owner has. */
export function Installed({ agent, missingSecrets }: { agent: { id: string; name: string }; missingSecrets: readonly string[] }) {
  return (
    <div className="max-w-2xl">
      <PageHeader title={`${agent.name} is installed`} />
      <Notice tone="warn" role="status">
        <p className="font-medium">It is deployed as soon as these secrets are set:</p>
        <ul className="mt-1 list-disc pl-5">
          {missingSecrets.map((key) => (
            <li key={key}>
              <code className="font-mono">{key}</code>
            </li>
          ))}
        </ul>
      </Notice>
      <div className="mt-6">
        <ButtonLink look="primary" to={paths.secrets(agent.id)}>
          Set the secrets
        </ButtonLink>
      </div>
    </div>
  );
}
