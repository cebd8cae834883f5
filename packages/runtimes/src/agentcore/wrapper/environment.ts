/** The only reader of the container's environment. */
import { CONTAINER_PORT, ENV_PREFIX, PROXY_LATER, PROXY_VARIABLE, SESSION_MOUNT } from "../protocol.ts";

/** The agent's variables, under their own names; code that looks into the process's environment finds them there too. */
export function takeEnvironment(): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (!name.startsWith(ENV_PREFIX) || value === undefined) continue;
    const key = name.slice(ENV_PREFIX.length);
    found[key] = value;
    delete process.env[name];
    process.env[key] ??= value;
  }
  return found;
}

/** Where to listen and to keep what sessions store; a container that shares its machine's network and files is told so. */
export function findPlace(): { port: string; mount: string } {
  return { port: process.env.PORT ?? String(CONTAINER_PORT), mount: process.env.WHS_SESSION_STORAGE ?? SESSION_MOUNT };
}

/** Whether the image leaves it to the wrapper that Node's clients use the proxy. Programs that the agent starts see to it themselves. */
export function takeProxyWish(): boolean {
  if (process.env[PROXY_VARIABLE] !== PROXY_LATER) return false;
  process.env[PROXY_VARIABLE] = "1";
  return true;
}
