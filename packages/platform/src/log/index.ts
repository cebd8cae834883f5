/** Logs as JSON lines on one configuration, and the filter that keeps secrets out of them and of any other text. */
export { createLogger, logLevels, type Logger, type LoggerOptions, type LogLevel } from "./logger.ts";
export { createTextFilter, redactText, registerSecretValue, unregisterSecretValue } from "./redact-text.ts";
export { type LoggedError, serializeError } from "./serialize-error.ts";
