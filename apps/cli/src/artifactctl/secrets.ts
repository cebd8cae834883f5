import type { GivenSecrets } from "@whs/artifact/contract";
import type { Context } from "./context.ts";

/** What the caller has values for, and the values: those of the file win over the environment. @throws UsageError */
export async function givenSecrets(
  context: Context,
  file: string | undefined,
): Promise<{ given: GivenSecrets; secret: (name: string) => string }> {
  const values = await context.readSecretFile(file);
  const { environment } = context;
  return {
    given: { file: new Set(values.keys()), environment: (name) => environment.secret(name) !== undefined },
    secret(name) {
      const value = values.get(name) ?? environment.secret(name);
      if (value === undefined) throw new Error(`${name} was planned without a value.`);
      return value;
    },
  };
}
