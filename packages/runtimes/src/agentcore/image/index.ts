/** Images without a daemon: written, pushed and pulled. */
export { buildBase } from "./base.ts";
export { writeLayer } from "./layer.ts";
export { publishImage } from "./publish.ts";
export { Registry, RegistryError } from "./registry.ts";
