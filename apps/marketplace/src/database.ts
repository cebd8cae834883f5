import type { fleetprompt } from "@whs/api";
import type { ColumnType, Selectable } from "kysely";
import type { DB as Tables } from "./database.gen.ts";

/** JSON goes in as text and comes out parsed. */
type JsonColumn<T> = ColumnType<T, string | undefined, string>;
type WithDefault<T> = ColumnType<T, T | undefined, T>;
type Refine<Table, Columns> = Omit<Table, keyof Columns> & Columns;

/** A picture of a listing, which its publisher uploaded. */
export interface ListingImage {
  sha256: string;
  alt: string;
}

export interface Compat {
  minWHSVersion?: string;
  minAgentromaticVersion?: string;
  minAgentelicVersion?: string;
}

export interface Artifact {
  kind: "source_bundle" | "build_artifact" | "manifest";
  sha256: string;
  sizeBytes: number;
  /** Other systems own the bytes, so there is nothing to download here. */
  download: { mode: "none"; hint?: string };
}

export interface Refs {
  whsAgentId?: string;
  whsDeploymentId?: string;
  agentromaticWorkflowId?: string;
  specAssetId?: string;
}

export interface TargetContext {
  telespaceId?: string;
  roomId?: string;
  orgId?: string;
}

/** The generated tables, with the closed sets and JSON shapes that the database's checks guarantee. */
export type Schema = Refine<
  Tables,
  {
    "fleetprompt.users": Refine<Tables["fleetprompt.users"], { roles: WithDefault<fleetprompt.Role[]> }>;
    "fleetprompt.publisher_profiles": Refine<
      Tables["fleetprompt.publisher_profiles"],
      { verification_status: WithDefault<fleetprompt.VerificationStatus> }
    >;
    "fleetprompt.listings": Refine<
      Tables["fleetprompt.listings"],
      {
        asset_kind: fleetprompt.AssetKind;
        status: WithDefault<fleetprompt.ListingStatus>;
        status_before_suspension: Exclude<fleetprompt.ListingStatus, "suspended"> | null;
        images: JsonColumn<ListingImage[]>;
      }
    >;
    "fleetprompt.releases": Refine<
      Tables["fleetprompt.releases"],
      {
        status: WithDefault<fleetprompt.ReleaseStatus>;
        compat: JsonColumn<Compat>;
        refs: ColumnType<Refs, string, string>;
        artifacts: JsonColumn<Artifact[]>;
      }
    >;
    "fleetprompt.install_intents": Refine<
      Tables["fleetprompt.install_intents"],
      {
        target_system: fleetprompt.TargetSystem;
        target_context: JsonColumn<TargetContext>;
        status: WithDefault<fleetprompt.IntentStatus>;
        outcome: "installed" | "failed" | null;
      }
    >;
    "fleetprompt.install_tokens": Refine<
      Tables["fleetprompt.install_tokens"],
      { status: WithDefault<"issued" | "redeemed" | "expired" | "revoked"> }
    >;
    "fleetprompt.reports": Refine<Tables["fleetprompt.reports"], { status: WithDefault<"open" | "settled"> }>;
    "fleetprompt.audit_log": Refine<Tables["fleetprompt.audit_log"], { metadata: JsonColumn<Record<string, unknown>> }>;
  }
>;

export type Row<Table extends keyof Schema> = Selectable<Schema[Table]>;
