/** Ids: a prefix that names the kind, then a UUIDv7 in base32 (TypeID). Session ids also prove whose they are. */
export { createIds, newId, type IdSource } from "./new-id.ts";
export { createSessionIds, type SessionIds, type SessionOwner } from "./session-ids.ts";
export { createTaggedIds, tagOf } from "./tagged-ids.ts";
export { type Id, type IdPrefix, idPrefixes, idTimeMs, InvalidIdError, isId } from "./type-id.ts";
