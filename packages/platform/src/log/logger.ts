import {
  type DestinationStream,
  destination as fileDestination,
  type Level,
  type Logger as PinoLogger,
  pino,
  stdTimeFunctions,
} from "pino";
import { redactLine } from "./redact-line.ts";
import { serializeError } from "./serialize-error.ts";

export type Logger = PinoLogger;

/** From the most to the least that is written. */
export const logLevels = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;
export type LogLevel = Level | "silent";

export interface LoggerOptions {
  /** Which process writes: `control-plane`, `supervisor`. */
  name: string;
  level: LogLevel;
  /** Where lines go, each with its line break. Default standard output, synchronously, so that a crash loses none. */
  destination?: { write(line: string): unknown };
}

/**
 * A logger that writes JSON lines without secrets: every line passes the same filter after it is serialised, whether
 * its text comes from a message, a field, an error, a stack or a child logger.
 * Errors belong under `err`: `logger.error({ err: error }, "Cannot …")`.
 */
export function createLogger({ name, level, destination = fileDestination({ fd: 1, sync: true }) }: LoggerOptions): Logger {
  const redacting: DestinationStream = {
    write(line) {
      destination.write(redactLine(line));
    },
  };
  return pino(
    {
      name,
      level,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), bindings: ({ pid }) => ({ name, pid: Number(pid) }) },
      serializers: { err: serializeError, error: serializeError },
    },
    redacting,
  );
}
