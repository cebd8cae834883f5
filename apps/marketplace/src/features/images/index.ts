export { deleteUnusedImages } from "./delete-unused.ts";
export { bindImages, serveImages } from "./routes.ts";
