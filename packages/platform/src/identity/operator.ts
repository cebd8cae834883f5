import { unauthenticated } from "@whs/platform/errors";
import { createHash, timingSafeEqual } from "node:crypto";

const refused = () => unauthenticated("This is for the operator of the installation, by its own token alone.");

/**
 * Checks that a request bears the operator's token, in a time that tells nothing of it.
 * @param token undefined where none is configured: then nobody is the operator
 * @throws AppError `UNAUTHENTICATED`
 */
export function requireOperator(authorization: string | undefined, token: string | undefined): void {
  const sent = /^Bearer +([\x21-\x7e]{1,1024})$/i.exec(authorization ?? "")?.[1];
  if (sent === undefined || token === undefined || !timingSafeEqual(sha256(sent), sha256(token))) throw refused();
}

/** Of one length, whatever is compared. */
function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
