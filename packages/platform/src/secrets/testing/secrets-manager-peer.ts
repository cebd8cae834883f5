import { randomBytes } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { z } from "zod";
import { refuseSignature } from "../../aws/testing/signature-v4.ts";
import { HttpPeer, type PeerAnswer } from "../../testing/http-peer.ts";

interface Secret {
  createdAt: Date;
  description: string;
  kmsKeyId: string | undefined;
  binary: string;
  token: string;
  versions: Map<string, string>;
  deletedAt: Date | undefined;
  /** For how many further attempts to create it anew the name is taken; undefined until it is deleted at once. */
  lag: number | undefined;
}

const secretId = z.string().min(1).max(2048);
const secretName = z.string().regex(/^[A-Za-z0-9/_+=.@-]{1,512}$/);
/** Base64 of at most 65,536 bytes, counted the strict way. */
const binary = z.base64().min(1).max(65_536);
const token = z.string().min(32).max(64);
const create = z.strictObject({
  Name: secretName,
  Description: z.string().max(2048).optional(),
  KmsKeyId: z.string().max(2048).optional(),
  SecretBinary: binary,
  ClientRequestToken: token,
});
const put = z.strictObject({ SecretId: secretId, SecretBinary: binary, ClientRequestToken: token });
const only = z.strictObject({ SecretId: secretId });
const remove = z.strictObject({
  SecretId: secretId,
  ForceDeleteWithoutRecovery: z.boolean().optional(),
  RecoveryWindowInDays: z.int().min(7).max(30).optional(),
});
const list = z.strictObject({
  MaxResults: z.int().min(1).max(100).optional(),
  NextToken: z.string().optional(),
  Filters: z.array(z.strictObject({ Key: z.literal("name"), Values: z.array(z.string()).min(1) })).optional(),
});

class Refusal extends Error {
  override readonly name: string;
  constructor(name: string, message: string) {
    super(message);
    this.name = name;
  }
}

/** AWS Secrets Manager as its API reference describes it: signed requests in AWS JSON 1.1, one region, no rotation. */
export class SecretsManagerPeer extends HttpPeer {
  readonly secrets = new Map<string, Secret>();
  readonly region = "eu-central-1";
  denied = false;
  /** How often a name is still taken after a deletion at once, as the real deletion comes later. */
  deletionLag = 0;
  pageSize = 100;
  /** How many secrets the account may have. */
  quota = 500_000;

  constructor() {
    super((request, body) => this.#answer(request, body));
  }

  #answer(request: IncomingMessage, body: Buffer): PeerAnswer {
    const wrong = refuseSignature(request, body, "secretsmanager", this.region);
    if (wrong !== undefined)
      return refuse(wrong === "InvalidAccessKeyId" ? "UnrecognizedClientException" : "InvalidSignatureException", wrong);
    if (request.method !== "POST" || request.headers["content-type"] !== "application/x-amz-json-1.1")
      return refuse("SerializationException", "");
    if (this.denied) return refuse("AccessDeniedException", "is not authorized to perform");
    const operation = String(request.headers["x-amz-target"]).replace(/^secretsmanager\./, "");
    try {
      return { status: 200, headers: { "content-type": "application/x-amz-json-1.1" }, body: JSON.stringify(this.#run(operation, body)) };
    } catch (error) {
      if (error instanceof Refusal) return refuse(error.name, error.message);
      if (error instanceof z.ZodError) return refuse("ValidationException", "1 validation error detected");
      throw error;
    }
  }

  #run(operation: string, body: Buffer): object {
    const input: unknown = JSON.parse(body.toString("utf8"));
    switch (operation) {
      case "CreateSecret":
        return this.#create(create.parse(input));
      case "PutSecretValue":
        return this.#put(put.parse(input));
      case "GetSecretValue": {
        const secret = this.#present(only.parse(input).SecretId);
        return { Name: only.parse(input).SecretId, VersionId: secret.token, SecretBinary: secret.binary, VersionStages: ["AWSCURRENT"] };
      }
      case "DescribeSecret": {
        const { SecretId } = only.parse(input);
        const deletedAt = this.#known(SecretId).deletedAt;
        return { Name: SecretId, ...(deletedAt === undefined ? {} : { DeletedDate: deletedAt.getTime() / 1000 }) };
      }
      case "DeleteSecret":
        return this.#delete(remove.parse(input));
      case "ListSecrets":
        return this.#list(list.parse(input));
      default:
        throw new Refusal("UnknownOperationException", operation);
    }
  }

  #create({ Name, SecretBinary, ClientRequestToken, Description = "", KmsKeyId }: z.infer<typeof create>): object {
    const existing = this.secrets.get(Name);
    if (existing?.lag === 0) this.secrets.delete(Name);
    else if (existing?.deletedAt !== undefined) {
      if (existing.lag !== undefined) existing.lag -= 1;
      throw new Refusal("InvalidRequestException", "a secret with this name is already scheduled for deletion.");
    } else if (existing !== undefined) {
      // The same request again is not another one.
      if (existing.versions.get(ClientRequestToken) === SecretBinary) return { Name, VersionId: ClientRequestToken };
      throw new Refusal("ResourceExistsException", `the secret ${Name} already exists.`);
    }
    if (this.secrets.size >= this.quota) throw new Refusal("LimitExceededException", "the quota of secrets is reached.");
    this.secrets.set(Name, {
      createdAt: new Date(),
      description: Description,
      kmsKeyId: KmsKeyId,
      binary: SecretBinary,
      token: ClientRequestToken,
      versions: new Map([[ClientRequestToken, SecretBinary]]),
      deletedAt: undefined,
      lag: undefined,
    });
    return { ARN: this.#arn(Name), Name, VersionId: ClientRequestToken };
  }

  #put({ SecretId, SecretBinary, ClientRequestToken }: z.infer<typeof put>): object {
    const secret = this.#present(SecretId);
    const same = secret.versions.get(ClientRequestToken);
    if (same !== undefined && same !== SecretBinary)
      throw new Refusal("ResourceExistsException", "this version already has another value.");
    if (same === undefined) {
      secret.versions.set(ClientRequestToken, SecretBinary);
      secret.binary = SecretBinary;
      secret.token = ClientRequestToken;
    }
    return { ARN: this.#arn(SecretId), Name: SecretId, VersionId: ClientRequestToken };
  }

  #delete({ SecretId, ForceDeleteWithoutRecovery = false, RecoveryWindowInDays }: z.infer<typeof remove>): object {
    if (ForceDeleteWithoutRecovery && RecoveryWindowInDays !== undefined) throw new Refusal("InvalidParameterException", "both");
    const secret = this.secrets.get(SecretId);
    if (ForceDeleteWithoutRecovery) {
      if (secret !== undefined && this.deletionLag > 0) {
        secret.deletedAt ??= new Date();
        secret.lag = this.deletionLag;
      } else this.secrets.delete(SecretId);
      return { Name: SecretId };
    }
    this.#present(SecretId).deletedAt = new Date(Date.now() + (RecoveryWindowInDays ?? 30) * 86_400_000);
    return { Name: SecretId };
  }

  #list({ MaxResults = 100, NextToken, Filters = [] }: z.infer<typeof list>): object {
    const prefixes = Filters.flatMap(({ Values }) => Values);
    const names = [...this.secrets.keys()].filter((key) => prefixes.length === 0 || prefixes.some((prefix) => key.startsWith(prefix)));
    const live = names.filter((key) => this.secrets.get(key)?.deletedAt === undefined).toSorted();
    const size = Math.min(MaxResults, this.pageSize);
    const page = live.filter((key) => NextToken === undefined || key > NextToken).slice(0, size);
    const last = page.at(-1);
    const SecretList = page.map((Name) => ({ Name, CreatedDate: (this.secrets.get(Name)?.createdAt.getTime() ?? 0) / 1000 }));
    return { SecretList, ...(last !== undefined && last !== live.at(-1) ? { NextToken: last } : {}) };
  }

  #known(id: string): Secret {
    const secret = this.secrets.get(id);
    if (secret === undefined) throw new Refusal("ResourceNotFoundException", "Secrets Manager can't find the specified secret.");
    return secret;
  }

  #present(id: string): Secret {
    const secret = this.#known(id);
    if (secret.deletedAt !== undefined) throw new Refusal("InvalidRequestException", "because it was marked for deletion.");
    return secret;
  }

  #arn(id: string): string {
    return `arn:aws:secretsmanager:${this.region}:123456789012:secret:${id}-${randomBytes(3).toString("hex")}`;
  }
}

function refuse(type: string, message: string): PeerAnswer {
  return { status: 400, headers: { "content-type": "application/x-amz-json-1.1" }, body: JSON.stringify({ __type: type, message }) };
}
