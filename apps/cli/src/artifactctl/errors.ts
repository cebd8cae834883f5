/** The command line, a variable, or a file named on it is wrong. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
