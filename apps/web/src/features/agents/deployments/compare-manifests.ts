/** What differs between the manifests of two deployments, field by field. */
export interface Difference {
  /** Such as `env.requiredKeys`. */
  field: string;
  /** Null where the field is not there. */
  before: string | null;
  after: string | null;
}

export function compareManifests(before: object | null, after: object | null): Difference[] {
  const old = fieldsOf(before ?? {});
  const now = fieldsOf(after ?? {});
  return [...new Set([...old.keys(), ...now.keys()])]
    .toSorted()
    .map((field) => ({ field, before: old.get(field) ?? null, after: now.get(field) ?? null }))
    .filter((difference) => difference.before !== difference.after);
}

/** Lists count as one value: their order means something. */
function fieldsOf(value: object, path = ""): Map<string, string> {
  return new Map(
    Object.entries(value).flatMap(([name, inner]: [string, unknown]) =>
      typeof inner === "object" && inner !== null && !Array.isArray(inner)
        ? [...fieldsOf(inner, `${path}${name}.`)]
        : [[`${path}${name}`, textOf(inner)] as [string, string]],
    ),
  );
}

function textOf(value: unknown): string {
  return Array.isArray(value) ? (value.length === 0 ? "none" : value.join(", ")) : String(value);
}
