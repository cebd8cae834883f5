export { answerUnknownRoutes, createHttpServer, defaultBodyBytes, toAppError, type HttpOptions } from "./app.ts";
export {
  createBinder,
  streamed,
  type Bind,
  type BindingOptions,
  type Handler,
  type HandlerInput,
  type HttpRequest,
  type IdempotencyGuard,
  type IdempotentAnswer,
  type IdempotentRequest,
} from "./bind.ts";
export { createCursors, toPage, type Cursors } from "./cursor.ts";
export { fieldErrors, parseInput } from "./validation.ts";
