/** What the environment says. The only reader of `process.env` in this program. */
export interface Environment {
  /** `WHS_API_URL`. */
  apiUrl: string | undefined;
  /** `WHS_API_TOKEN`. */
  apiToken: string | undefined;
  /** `NO_COLOR` (no-color.org) or a terminal that has none. */
  noColor: boolean;
  /** A required secret's value, under its own name. */
  secret(name: string): string | undefined;
}

export function readEnvironment(variables: NodeJS.ProcessEnv = process.env): Environment {
  const read = (name: string): string | undefined => variables[name] || undefined;
  return {
    apiUrl: read("WHS_API_URL"),
    apiToken: read("WHS_API_TOKEN")?.trim(),
    noColor: Boolean(variables.NO_COLOR) || variables.TERM === "dumb",
    secret: read,
  };
}
