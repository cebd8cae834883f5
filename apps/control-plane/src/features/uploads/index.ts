export { deleteUnusedUploads } from "./delete-unused-uploads.ts";
export { bindUploads } from "./routes.ts";
export { insertUpload } from "./store.ts";
