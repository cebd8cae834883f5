export interface AwsFailure {
  /** The error's name in the API, such as `AccessDeniedException`. */
  name: string;
  /** Of the HTTP answer, 0 when there was none. */
  status: number;
  /** Whether the service refuses who is asking, rather than what is asked or at all. */
  denied: boolean;
  /** For an error message: name, status and request id, never a word of the service's, which may quote what was sent. */
  text: string;
}

const DENIED = new Set([
  "AccessDenied",
  "AccessDeniedException",
  "AllAccessDisabled",
  "AuthFailure",
  "CredentialsProviderError",
  "ExpiredToken",
  "ExpiredTokenException",
  "IncompleteSignature",
  "IncompleteSignatureException",
  "InvalidAccessKeyId",
  "InvalidClientTokenId",
  "InvalidSignatureException",
  "InvalidToken",
  "MissingAuthenticationToken",
  "MissingAuthenticationTokenException",
  "NotAuthorized",
  "OptInRequired",
  "RequestExpired",
  "RequestTimeTooSkewed",
  "SignatureDoesNotMatch",
  "TokenRefreshRequired",
  "UnrecognizedClientException",
]);

export function describeAwsError(error: unknown): AwsFailure {
  if (!(error instanceof Error)) return { name: "", status: 0, denied: false, text: "unknown failure" };
  const metadata = "$metadata" in error ? asRecord(error.$metadata) : {};
  const status = typeof metadata["httpStatusCode"] === "number" ? metadata["httpStatusCode"] : 0;
  const requestId = typeof metadata["requestId"] === "string" ? metadata["requestId"] : undefined;
  const code = "code" in error && typeof error.code === "string" ? error.code : undefined;
  const details = [code, status === 0 ? undefined : String(status), requestId === undefined ? undefined : `request ${requestId}`];
  const shown = details.filter((detail) => detail !== undefined);
  return {
    name: error.name,
    status,
    // A HEAD request has no body to name the error.
    denied: DENIED.has(error.name) || status === 401 || (status === 403 && !isThrottling(error)),
    text: shown.length === 0 ? error.name : `${error.name} (${shown.join(", ")})`,
  };
}

function isThrottling(error: Error): boolean {
  return /Throttl|SlowDown|TooManyRequests|RequestLimitExceeded/.test(error.name);
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}
