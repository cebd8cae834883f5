/** Errors as AWS gives them: the type in `x-amzn-errortype`, the status by the type, a message in JSON. */

/** Types that this service answers with, and their statuses in the SDK's models. */
const STATUS = {
  ValidationException: 400,
  SerializationException: 400,
  MissingAuthenticationTokenException: 403,
  UnrecognizedClientException: 403,
  InvalidSignatureException: 403,
  AccessDeniedException: 403,
  ServiceQuotaExceededException: 402,
  ResourceNotFoundException: 404,
  UnknownOperationException: 404,
  ConflictException: 409,
  RequestEntityTooLargeException: 413,
  RuntimeClientError: 424,
  ThrottlingException: 429,
  InternalServerException: 500,
  ServiceUnavailableException: 503,
} as const;

export type AwsErrorType = keyof typeof STATUS;

/** As the SDK's `ValidationExceptionField`. */
export interface FieldError {
  name: string;
  message: string;
}

export interface ValidationDetail {
  reason: "CannotParse" | "FieldValidationFailed" | "IdempotentParameterMismatchException" | "ResourceConflict";
  fieldList?: readonly FieldError[];
}

export class AwsError extends Error {
  override readonly name = "AwsError";
  readonly type: AwsErrorType;
  readonly detail: ValidationDetail | undefined;

  constructor(type: AwsErrorType, message: string, options: ErrorOptions & { detail?: ValidationDetail } = {}) {
    super(message, options);
    this.type = type;
    this.detail = options.detail;
  }

  get status(): number {
    return STATUS[this.type];
  }

  /** The answer's body. */
  get body(): Record<string, unknown> {
    return { message: this.message, ...this.detail };
  }
}

export function notFound(what: string): AwsError {
  return new AwsError("ResourceNotFoundException", `${what} was not found.`);
}

/** One wrong field of a request. */
export function invalid(name: string, message: string): AwsError {
  return invalidFields([{ name, message }]);
}

export function invalidFields(fieldList: readonly FieldError[]): AwsError {
  const message = fieldList.map((field) => `${field.name}: ${field.message}`).join("; ");
  return new AwsError("ValidationException", message, { detail: { reason: "FieldValidationFailed", fieldList } });
}
