/** Stable error codes of the FleetPrompt API and the HTTP statuses that each one answers with; the first is the usual one. */
export const fleetPromptErrorStatus = {
  UNAUTHENTICATED: [401],
  UNAUTHORIZED: [403],
  NOT_FOUND: [404],
  VALIDATION_FAILED: [400],
  CONFLICT: [409],
  TOO_LARGE: [413],
  UNSUPPORTED: [415, 422],
  RATE_LIMITED: [429],
  INTERNAL: [500],
} as const;

export type FleetPromptErrorCode = keyof typeof fleetPromptErrorStatus;

/** Body of every answer that is not 2xx. */
export interface FleetPromptErrorBody {
  error: {
    code: FleetPromptErrorCode;
    message: string;
    requestId: string;
    details?: { hint?: string; fields?: { fieldName: string; message: string }[] };
  };
}
