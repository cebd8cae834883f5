import type { AgUiEvent } from "@whs/api";
import type { AppError } from "@whs/platform/errors";
import type { Presentation } from "@whs/platform/http";
import { newId } from "@whs/platform/ids";

/** A refusal is the error that the run would have ended with. */
export const agUiPresentation: Presentation = {
  idHeader: "x-trace-id",
  idField: null,
  newId: () => newId("trc"),
  failure: (error) => ({ status: error.status, body: runError(error) }),
};

export function runError({ message, code }: AppError): AgUiEvent {
  return { type: "RUN_ERROR", message, code };
}
