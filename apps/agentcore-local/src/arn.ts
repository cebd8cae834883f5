import { AwsError, notFound } from "./http/aws-error.ts";

/** There is one account. */
export const ACCOUNT_ID = "000000000000";

/** Names resources of this service in its region. */
export class Arns {
  private readonly prefix: string;

  constructor(region: string) {
    this.prefix = `arn:aws:bedrock-agentcore:${region}:${ACCOUNT_ID}:`;
  }

  runtime(id: string): string {
    return `${this.prefix}runtime/${id}`;
  }

  endpoint(runtimeId: string, name: string): string {
    return `${this.runtime(runtimeId)}/runtime-endpoint/${name}`;
  }

  workloadIdentity(id: string): string {
    return `${this.prefix}workload-identity-directory/default/workload-identity/${id}`;
  }

  /** Id and, where it names one, endpoint. @throws AwsError when it is no ARN of a runtime of ours. */
  parseRuntime(arn: string): { runtimeId: string; endpoint: string | undefined } {
    if (!arn.startsWith("arn:")) throw new AwsError("ValidationException", "The value is not an ARN.");
    if (!arn.startsWith(`${this.prefix}runtime/`)) throw notFound(`Resource ${arn}`);
    const [runtimeId = "", kind, endpoint, ...rest] = arn.slice(`${this.prefix}runtime/`.length).split("/");
    const valid = kind === undefined || (kind === "runtime-endpoint" && endpoint !== undefined && rest.length === 0);
    if (!valid || runtimeId === "") throw notFound(`Resource ${arn}`);
    return { runtimeId, endpoint };
  }
}
