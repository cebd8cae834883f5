import { expect, test } from "vitest";
import { agentScriptName, scriptTags, sessionsScriptName } from "./names.ts";

const ref = {
  userId: "usr_01jabcdefghjkmnpqrstvwxyz0",
  agentId: "agt_01jabcdefghjkmnpqrstvwxyz0",
  deploymentId: "dep_01jabcdefghjkmnpqrstvwxyz0",
};

test("names are what Cloudflare takes, and never the same for two tenants, deployments or purposes", () => {
  const names = [
    agentScriptName(ref),
    agentScriptName({ ...ref, userId: "usr_2" }),
    agentScriptName({ ...ref, deploymentId: "dep_2" }),
    sessionsScriptName(ref),
    sessionsScriptName({ ...ref, userId: "usr_2" }),
  ];
  for (const name of names) expect(name).toMatch(/^[a-z0-9][a-z0-9_-]{0,62}$/);
  expect(new Set(names).size).toBe(names.length);
  expect(agentScriptName(ref)).toBe(agentScriptName({ ...ref }));
});

test("tags say whose a script is, in the eight that there may be and without characters that searches use", () => {
  const tags = scriptTags({ ...ref, version: 7, build: "0123456789ab" });
  expect(tags).toEqual([
    "whs",
    `user-${ref.userId}`,
    `agent-${ref.agentId}`,
    `deployment-${ref.deploymentId}`,
    "version-7",
    "build-0123456789ab",
  ]);
  expect(tags.length).toBeLessThanOrEqual(8);
  for (const tag of tags) expect(tag).not.toMatch(/[,&:]/);
});
