/** One means of keeping a cell in its place. What is missing is said in the start log and in `describe`. */
export interface IsolationLayer {
  layer:
    | "process per tenant"
    | "isolate per deployment"
    | "unprivileged user"
    | "filesystem and namespaces"
    | "network"
    | "memory limit"
    | "process limit"
    | "open files limit";
  active: boolean;
  detail: string;
}
