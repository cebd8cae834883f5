export { actFor } from "./act-for.ts";
export { createAuthenticator } from "./authenticate.ts";
export { createJwtVerifier } from "./jwt.ts";
export { bindAccess } from "./routes.ts";
