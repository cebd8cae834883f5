import { AppError, internal, invalidRequest, notFound, sqlState } from "@whs/platform/errors";

/** PostgreSQL refuses text with a NUL or half a surrogate pair: `character_not_in_repertoire`, `untranslatable_character`. */
const notText = new Set(["22021", "22P05"]);

/** What any failure is answered with. Errors that nobody foresaw are ours, and their own words stay private. */
export function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const code = typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
  switch (code) {
    case "FST_ERR_CTP_BODY_TOO_LARGE":
      return bodyTooLarge("The body is larger than this endpoint takes.");
    case "FST_ERR_CTP_INVALID_MEDIA_TYPE":
      return invalidRequest([{ fieldName: "content-type", message: "is not one that this endpoint takes" }], { cause: error });
    case "FST_ERR_CTP_INVALID_CONTENT_LENGTH":
      return invalidRequest([{ fieldName: "Content-Length", message: "is not the length of the body" }]);
    case "FST_ERR_BAD_URL":
      return invalidRequest([{ fieldName: "", message: "path is not valid percent-encoding" }]);
    case "FST_ERR_MAX_PARAM_LENGTH":
      return notFound("Route");
    case "ECONNRESET":
      // The caller went away while it sent the body; nobody reads this.
      return invalidRequest([{ fieldName: "", message: "body ended before it was complete" }], { cause: error });
  }
  if (notText.has(sqlState(error) ?? "")) {
    return invalidRequest([{ fieldName: "", message: "has a character that cannot be stored" }], { cause: error });
  }
  return internal(error);
}

export function bodyTooLarge(message: string, limit = "this endpoint's limit"): AppError {
  return new AppError("INVALID_REQUEST", message, {
    status: 413,
    details: { fields: [{ fieldName: "", message: `body is larger than ${limit}` }] },
  });
}
