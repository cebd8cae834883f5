import { z } from "zod";
import { parseEnvironment } from "@whs/platform/config";

const schema = z.object({
  POSTGRES_DIRECTORY: z.string().min(1),
  POSTGRES_PASSWORD: z.string().min(1),
  POSTGRES_DATABASES: z.string().transform((names) => names.split(",").filter(Boolean)),
  POSTGRES_THROW_AWAY: z.enum(["0", "1"]).default("0"),
  POSTGRES_UNSYNCED: z.enum(["0", "1"]).default("0"),
  PG_PORT: z.coerce.number().int().min(1).max(65_535),
});

/** How the stack tells the PostgreSQL process what to run; none of these is for people but PG_PORT. */
export function readPostgresConfig(environment: NodeJS.ProcessEnv = process.env) {
  const values = parseEnvironment(schema, environment);
  return {
    directory: values.POSTGRES_DIRECTORY,
    password: values.POSTGRES_PASSWORD,
    databases: values.POSTGRES_DATABASES,
    port: values.PG_PORT,
    throwAway: values.POSTGRES_THROW_AWAY === "1",
    unsynced: values.POSTGRES_UNSYNCED === "1",
  };
}
