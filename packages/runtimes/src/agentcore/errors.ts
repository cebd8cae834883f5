import { ProviderError, type ProviderErrorKind } from "../port.ts";
import { RegistryError } from "./image/registry.ts";

interface Meaning {
  kind: ProviderErrorKind;
  message: string;
  retryable?: boolean;
  /** Whether agent code may have run. */
  reached: boolean;
}

const AUTH: Meaning = { kind: "auth", message: "AgentCore refuses this installation's credentials or role.", reached: false };
const UNREACHABLE: Meaning = { kind: "transient", message: "AgentCore cannot be reached.", reached: false };
const BROKEN: Meaning = {
  kind: "runtime",
  message: "The connection to the agent broke while it was running.",
  retryable: true,
  reached: true,
};
const BUSY: Meaning = { kind: "capacity", message: "AgentCore takes no more requests now.", reached: false };

/** By the error's name in the API: its text is never shown and never matched. */
const MEANINGS: Readonly<Record<string, Meaning>> = {
  AccessDeniedException: AUTH,
  CredentialsProviderError: AUTH,
  ExpiredTokenException: AUTH,
  IncompleteSignatureException: AUTH,
  InvalidSignatureException: AUTH,
  MissingAuthenticationTokenException: AUTH,
  UnauthorizedException: AUTH,
  UnrecognizedClientException: AUTH,
  ResourceNotFoundException: { kind: "not_found", message: "AgentCore does not know this deployment.", reached: false },
  ValidationException: { kind: "invalid", message: "AgentCore does not accept what it was asked for.", reached: false },
  ServiceException: { kind: "transient", message: "AgentCore failed.", reached: false },
  ConflictException: { kind: "transient", message: "AgentCore is still busy with an earlier change of this agent.", reached: false },
  RetryableConflictException: { kind: "transient", message: "The session is being changed; try again.", reached: false },
  ServiceQuotaExceededException: { kind: "capacity", message: "A quota of the AgentCore account is used up.", reached: false },
  ThrottlingException: BUSY,
  ThrottledException: BUSY,
  TooManyRequestsException: BUSY,
  RuntimeClientError: {
    kind: "runtime",
    message: "The agent's container failed or ended without an answer.",
    retryable: true,
    reached: true,
  },
  InternalServerException: { kind: "transient", message: "AgentCore failed.", reached: true },
  TimeoutError: { ...UNREACHABLE, reached: true },
};

/** Nothing was sent when one of these happened. */
const UNSENT = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH", "EPROTO"]);

/** One of the stable kinds in place of whatever the service, the network or the registry said. */
export function toProviderError(error: unknown, wasAsked: "to change" | "to invoke"): ProviderError {
  if (error instanceof ProviderError) return error;
  if (error instanceof RegistryError) {
    const message = error.retryable ? "The image registry cannot be reached." : "The image registry refuses this installation's image.";
    return new ProviderError(error.retryable ? "transient" : "auth", message, { reached: false, cause: error });
  }
  const { kind, message, retryable, reached } = meaningOf(error);
  return new ProviderError(kind, message, {
    ...(retryable === undefined ? {} : { retryable }),
    reached: reached && wasAsked === "to invoke",
    cause: error,
  });
}

export function isNotFound(error: unknown): boolean {
  return error instanceof Error && error.name === "ResourceNotFoundException";
}
export function isConflict(error: unknown): boolean {
  return error instanceof Error && error.name === "ConflictException";
}
export function isQuota(error: unknown): boolean {
  return error instanceof Error && error.name === "ServiceQuotaExceededException";
}

function meaningOf(error: unknown): Meaning {
  if (!(error instanceof Error)) return BROKEN;
  const known = MEANINGS[error.name];
  if (known !== undefined) return known;
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if ("code" in cause && typeof cause.code === "string" && UNSENT.has(cause.code)) return UNREACHABLE;
  }
  const status = "$metadata" in error ? (error.$metadata as { httpStatusCode?: number }).httpStatusCode : undefined;
  if (status === 401 || status === 403) return AUTH;
  if (status === 429) return BUSY;
  return BROKEN;
}
