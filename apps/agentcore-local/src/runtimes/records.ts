import type { RuntimeInput } from "./schemas.ts";

export type Status = "CREATING" | "CREATE_FAILED" | "UPDATING" | "UPDATE_FAILED" | "READY" | "DELETING";

/** What a version was made of, for ever. Values of environment variables are sealed. */
export type VersionSpec = Omit<RuntimeInput, "clientToken" | "environmentVariables"> & { sealedEnvironment: string };

export interface RuntimeRecord {
  id: string;
  name: string;
  status: Status;
  failureReason?: string;
  /** The latest. */
  version: number;
  createdAtMs: number;
  updatedAtMs: number;
}

export interface VersionRecord {
  version: number;
  status: Status;
  spec: VersionSpec;
  createdAtMs: number;
  /** Digest of the image's manifest for this platform, once it is here. */
  image?: string;
}

export interface EndpointRecord {
  id: string;
  name: string;
  description?: string;
  status: Status;
  failureReason?: string;
  liveVersion?: number;
  targetVersion: number;
  createdAtMs: number;
  updatedAtMs: number;
}

/** Follows the latest version by itself. */
export const DEFAULT_ENDPOINT = "DEFAULT";
