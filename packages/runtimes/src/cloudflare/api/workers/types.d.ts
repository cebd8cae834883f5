/** The parts of the Workers runtime that only the Workers on Cloudflare use; the cell's own are beside the cell. */
declare module "cloudflare:workers" {
  /** An object that callers in other Workers use by reference; disposed when the last of them lets go or goes away. */
  export class RpcTarget {
    private readonly brand: "RpcTarget";
  }
  /** This Worker's bindings, the same object that its handlers are given. */
  export const env: Record<string, unknown>;
}

/** Stands beside the tenant's modules and is evaluated before them. */
declare module "whs-guard" {
  /** A `Guard`, which a declaration like this one cannot import. */
  export const guard: unknown;
}
