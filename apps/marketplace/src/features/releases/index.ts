export { bindReleases } from "./routes.ts";
export { compareVersions } from "./version-order.ts";
export { findRelease, listByVersion, listReleases, type ReleaseOrderRow, type ReleaseRow } from "./store.ts";
