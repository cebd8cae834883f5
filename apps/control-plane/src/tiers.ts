import { type Entitlements, entitlementsSchema, type Tier } from "@whs/api";
import { ConfigurationError } from "@whs/platform/config";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { parse, YAMLParseError } from "yaml";
import { z } from "zod";

const tiersFileSchema = z.strictObject({
  version: z.literal(1),
  tiers: z.strictObject({ free: entitlementsSchema, starter: entitlementsSchema, pro: entitlementsSchema, enterprise: entitlementsSchema }),
});

/** Reads what each tier allows. @throws ConfigurationError naming file, tier and key. */
export async function readTiers(file: string): Promise<{ tiers: Record<Tier, Entitlements>; sha256: string }> {
  let text: string;
  let value: unknown;
  try {
    text = await readFile(file, "utf8");
    value = parse(text);
  } catch (cause) {
    const reason = cause instanceof YAMLParseError ? cause.message : "cannot be read";
    throw new ConfigurationError(`Cannot start:\n  WHS_TIERS_FILE: ${file}: ${reason}`, { cause });
  }
  const result = tiersFileSchema.safeParse(value);
  if (!result.success) {
    const lines = result.error.issues.map((issue) => `WHS_TIERS_FILE: ${file}: ${issue.path.join(".")}: ${issue.message}`);
    throw new ConfigurationError(`Cannot start:\n  ${lines.join("\n  ")}`);
  }
  return { tiers: result.data.tiers, sha256: createHash("sha256").update(text).digest("hex") };
}
