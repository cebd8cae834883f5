import type { LogLine } from "@whs/api";
import { time } from "../terminal/format.ts";
import { printable, type Style } from "../terminal/style.ts";

export function formatLogLine({ timestamp, level, source, message, traceId }: LogLine, style: Style): string {
  const trace = traceId === undefined ? "" : ` ${style.dim(traceId)}`;
  return `${style.dim(time(timestamp))} ${colorLevel(level, style)} ${style.dim(source.padEnd(6))} ${printable(message)}${trace}`;
}

function colorLevel(level: LogLine["level"], style: Style): string {
  const text = level.padEnd(5);
  if (level === "error") return style.red(text);
  if (level === "warn") return style.yellow(text);
  return level === "debug" ? style.dim(text) : text;
}
