export { imageUrl } from "./image-urls.ts";
export { bindListings } from "./routes.ts";
export { statusAfterSuspension } from "./state.ts";
export { findListing, hasPublishedRelease, lockListing, updateListing } from "./store.ts";
