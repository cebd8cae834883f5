export { createAuthenticate } from "./authenticate.ts";
export { createVerifyApiToken } from "./introspect.ts";
export {
  ownedByBuyer,
  ownedByPublisher,
  ownedByTarget,
  refuseBrowsers,
  refuseSuspension,
  requireRole,
  signatureRefused,
  visibleToAll,
} from "./authorise.ts";
