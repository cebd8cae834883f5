/** Which processes run and what each is told. */
import { clusterUrl } from "./postgres/cluster.ts";
import {
  isInstalled,
  PROCESSES,
  sharedEnvironment,
  type Ports,
  type ProcessDeclaration,
  type ProcessName,
  type Surroundings,
} from "./processes.ts";
import type { Secrets } from "./secrets.ts";

/** The processes to run: those asked for with all that they need, or all that are installed and not replaced by the environment. */
export function select(names: readonly ProcessName[] | undefined, environment: NodeJS.ProcessEnv): ProcessDeclaration[] {
  const replaced = new Set<ProcessName>();
  if (environment.DATABASE_URL) replaced.add("postgres");
  if (environment.OIDC_ISSUER) replaced.add("identity");
  const wanted = new Set<ProcessName>();
  const want = (name: ProcessName): void => {
    wanted.add(name);
    declared(name).needs?.forEach(want);
  };
  const installed = PROCESSES.map(({ name }) => name).filter(isInstalled);
  (names ?? installed).forEach(want);
  return PROCESSES.filter(({ name }) => wanted.has(name) && !replaced.has(name));
}

function declared(name: ProcessName): ProcessDeclaration {
  const declaration = PROCESSES.find((candidate) => candidate.name === name);
  if (declaration === undefined) throw new Error(`Cannot start ${name}: no such process.`);
  return declaration;
}

export function databaseUrls(
  environment: NodeJS.ProcessEnv,
  ports: Ports,
  secrets: Secrets,
): Pick<Surroundings, "databaseUrl" | "fleetpromptDatabaseUrl"> {
  const cluster = { port: ports.PG_PORT, password: secrets.POSTGRES_PASSWORD };
  return {
    databaseUrl: environment.DATABASE_URL || clusterUrl(cluster, "whs"),
    fleetpromptDatabaseUrl: environment.FLEETPROMPT_DATABASE_URL || environment.DATABASE_URL || clusterUrl(cluster, "fleetprompt"),
  };
}

/** What the stack sets, then what the user set, then what the stack has decided (ports that are bound, directories that exist). */
export function environmentOf(declaration: ProcessDeclaration, surroundings: Surroundings, given: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { secrets, ports, databaseUrl, directories } = surroundings;
  const givenValues = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== ""));
  return {
    ...sharedEnvironment(surroundings, givenValues),
    ...declaration.env?.(surroundings),
    ...Object.fromEntries((declaration.secrets ?? []).map((name) => [name, secrets[name]])),
    ...givenValues,
    ...Object.fromEntries((declaration.ports ?? []).map((name) => [name, String(ports[name])])),
    ...(declaration.needs?.includes("postgres") === true ? { DATABASE_URL: databaseUrl } : {}),
    WHS_DATA_DIR: directories.data,
  };
}
