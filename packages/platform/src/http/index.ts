export { createHttpServer, defaultBodyBytes, type HttpOptions } from "./app.ts";
export { createBinder, streamed, type Bind, type BindingOptions, type Handler, type HandlerInput, type HttpRequest } from "./bind.ts";
export { createCursors, toPage, type Cursors } from "./cursor.ts";
export { toAppError } from "./errors.ts";
export { type IdempotencyGuard, type IdempotentAnswer, type IdempotentRequest } from "./idempotent-request.ts";
export { parseJson } from "./json-body.ts";
export { type Presentation } from "./presentation.ts";
export { answerUnknownRoutes } from "./unknown-routes.ts";
export { parseInput } from "./validation.ts";
