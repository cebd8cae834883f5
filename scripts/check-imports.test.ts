import { describe, expect, test } from "vitest";
import { brokenImports } from "./check-imports.ts";

const FEATURES = "apps/control-plane/src/features";

function check(file: string, ...specifiers: string[]): string[] {
  return brokenImports(new Map([[file, specifiers.map((specifier) => `import { x } from "${specifier}";`).join("\n")]]));
}

describe("what is allowed", () => {
  test.each([
    [`${FEATURES}/agents/create-agent.ts`, "./store.ts"],
    [`${FEATURES}/agents/create-agent.ts`, "../audit/index.ts"],
    [`${FEATURES}/agents/routes.ts`, "./create-agent.ts"],
    [`${FEATURES}/agents/store.ts`, "../../schema.ts"],
    [`${FEATURES}/agents/store.pg.test.ts`, "../audit/store.ts"],
    ["apps/control-plane/src/app.ts", "./features/agents/index.ts"],
    ["apps/web/src/features/agents/page.tsx", "../usage/chart.tsx"],
    ["packages/stack/src/stack.ts", "@whs/platform/process"],
  ])("%s may import %s", (file, specifier) => {
    expect(check(file, specifier)).toEqual([]);
  });
});

describe("what is refused", () => {
  test.each([
    [`${FEATURES}/agents/create-agent.ts`, "../audit/store.ts", "entered through its index.ts"],
    ["apps/control-plane/src/app.ts", "./features/agents/store.ts", "entered through its index.ts"],
    [`${FEATURES}/agents/routes.ts`, "./store.ts", "routes never import a store"],
    [`${FEATURES}/agents/store.ts`, "../audit/index.ts", "imports no other feature"],
    ["apps/web/src/main.ts", "../../identity/src/app.ts", "must stay inside its workspace"],
    ["packages/stack/src/stack.ts", "../../../apps/identity/src/main.ts", "must stay inside its workspace"],
    ["packages/agent/src/index.ts", "../../api/src/index.ts", "must stay inside its workspace"],
  ])("%s may not import %s", (file, specifier, reason) => {
    expect(check(file, specifier).join()).toContain(reason);
  });

  test.each([
    'export * from "../../api/src/index.ts";',
    'const api = await import("../../api/src/index.ts");',
    'import "../../api/src/index.ts";',
    'import {\n  a,\n  b,\n} from "../../api/src/index.ts";',
  ])("whatever the form of the import: %s", (source) => {
    expect(brokenImports(new Map([["packages/agent/src/index.ts", source]]))).toHaveLength(1);
  });
});
