export { FREE_PORTS, startStack } from "./stack.ts";
export type { RunningProcess, Stack, StackEvent, StackOptions } from "./stack.ts";
export type { EndpointName, Endpoints, PortName, Ports, ProcessName } from "./processes.ts";
