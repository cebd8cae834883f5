/** Who calls: tokens of an OIDC issuer, and the operator's own. */
export { createJwtVerifier, type JwtIdentity, type VerifyJwt } from "./jwt.ts";
export { requireOperator } from "./operator.ts";
