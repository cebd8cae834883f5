/** One means of keeping foreign code in its place. What is missing is said in the start log and in `describe`. */
export interface IsolationLayer {
  layer:
    | "process per tenant"
    | "isolate per deployment"
    | "sandbox per session"
    | "unprivileged user"
    | "filesystem and namespaces"
    | "network"
    | "memory limit"
    | "process limit"
    | "cpu limit"
    | "open files limit";
  active: boolean;
  detail: string;
}
