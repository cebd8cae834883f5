/** The shapes of the official SDK's own schemas. */
import { expect } from "vitest";

/** `[kind, namespace, name, traits, members, schemas, how many of the first members are required]` */
type Structure = readonly [number, string, string, unknown, readonly string[], readonly unknown[], number?];

/** What the SDK read has every member that its schema requires, in the kind that it requires. */
export function expectShape(schema: unknown, output: object): void {
  const [, , name, , members, schemas, required = 0] = schema as Structure;
  const values = output as Record<string, unknown>;
  for (const [index, member] of members.entries()) {
    const value = values[member];
    if (index < required) expect(value, `${name}.${member}`).toBeDefined();
    if (value !== undefined) expectKind(schemas[index], value, `${name}.${member}`);
  }
  expect(Object.keys(values).filter((key) => key !== "$metadata" && !members.includes(key))).toEqual([]);
}

function expectKind(schema: unknown, value: unknown, path: string): void {
  // With traits, a simple value's schema is `[kind, traits]`; a list's or structure's has its namespace in second place.
  const plain = Array.isArray(schema) && typeof schema[1] !== "string" ? (schema[0] as unknown) : schema;
  const resolved = typeof plain === "function" ? (plain as () => unknown)() : plain;
  // Numbers are kinds of simple values: 0 text, 1 number, 2 truth value, 5 a time in RFC 3339.
  if (resolved === 0) expect(typeof value, path).toBe("string");
  else if (resolved === 1) expect(typeof value, path).toBe("number");
  else if (resolved === 5) expect(value, path).toBeInstanceOf(Date);
  else if (Array.isArray(resolved) && resolved[0] === 3) expectShape(resolved, value as object);
  else if (Array.isArray(resolved) && resolved[0] === 1)
    for (const item of value as readonly unknown[]) expectKind(resolved[4], item, `${path}[]`);
}
