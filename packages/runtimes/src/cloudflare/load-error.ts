const MAX_LENGTH = 2000;

/**
 * What the author needs of workerd's words about a module that cannot start: the error with file and line, without
 * the parts that are about our own modules.
 */
export function publicLoadError(message: string): string {
  const lines = message
    .split("\n")
    .map((line) => line.trimEnd())
    .filter((line) => line !== "" && !/whs-(shim|agent|guard)/.test(line));
  const text = lines
    .join("\n")
    .replace(/^Failed to start Worker:\s*/, "")
    .replace(/^(?:service [^:]+: )?Uncaught /, "")
    .replace(/^ModuleShapeError: /, "")
    .trim();
  return `The agent cannot be loaded: ${text === "" ? "unknown error" : text}`.slice(0, MAX_LENGTH);
}
