import { AwsError } from "../http/aws-error.ts";

/** Where an image is. */
export interface ImageReference {
  /** Host and, where it is not the usual one, port. */
  host: string;
  repository: string;
  /** Tag or digest. */
  reference: string;
}

const REFERENCE =
  /^([a-z0-9.-]+(?::\d{1,5})?|\[[0-9a-f:]+\]:\d{1,5})\/([a-z0-9]+(?:[._/-]+[a-z0-9]+)*)(?::([a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}))?(?:@(sha256:[0-9a-f]{64}))?$/;

/** A `containerUri`: `<host>/<repository>:<tag>` or `…@sha256:…`; a digest wins over a tag. @throws AwsError */
export function parseReference(uri: string): ImageReference {
  const match = REFERENCE.exec(uri);
  if (match === null) throw new AwsError("ValidationException", `The containerUri is not valid: ${uri}`);
  const [, host = "", repository = "", tag, digest] = match;
  return { host, repository, reference: digest ?? tag ?? "latest" };
}
