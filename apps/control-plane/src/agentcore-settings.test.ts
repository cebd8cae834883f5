import { expect, test } from "vitest";
import { z } from "zod";
import { agentcoreEnvironment, readAgentcoreSettings } from "./agentcore-settings.ts";

const read = (environment: Record<string, string>) => readAgentcoreSettings(z.object(agentcoreEnvironment).parse(environment), "/data");

const local = {
  AGENTCORE_URL: "http://127.0.0.1:8790",
  AGENTCORE_LOCAL_ACCESS_KEY_ID: "local-access-key",
  AGENTCORE_LOCAL_SECRET_ACCESS_KEY: "local-secret-access-key",
};
const aws = {
  AWS_REGION: "eu-central-1",
  AGENTCORE_ROLE_ARN: "arn:aws:iam::123456789012:role/whs-agents",
  AGENTCORE_REPOSITORY: "123456789012.dkr.ecr.eu-central-1.amazonaws.com/team/whs-agents",
};

test("without a service or a role there is no AgentCore, whatever else AWS is used for", () => {
  expect(read({})).toBeNull();
  expect(read({ AWS_REGION: "eu-central-1" })).toBeNull();
});

test("the local service gets its own credentials, registry and machine, and keeps what sessions store", () => {
  expect(read(local)).toMatchObject({
    driver: "local",
    region: "us-east-1",
    endpoint: "http://127.0.0.1:8790",
    credentials: { accessKeyId: "local-access-key", secretAccessKey: "local-secret-access-key" },
    sessionStorage: true,
    images: {
      registry: "http://127.0.0.1:8790",
      repository: "whs-agents",
      cacheDirectory: "/data/cache/agentcore",
      base: { kind: "built" },
    },
  });
  expect(read({ ...local, AGENTCORE_SESSION_STORAGE: "0" })?.sessionStorage).toBe(false);
});

test("a role chooses AWS, even beside the local service, with ARM images in ECR and the SDK's own credentials", () => {
  const settings = read({ ...local, ...aws });
  expect(settings).toMatchObject({
    driver: "aws",
    region: "eu-central-1",
    network: { mode: "PUBLIC" },
    sessionStorage: false,
    lifecycle: { idleTimeoutSeconds: 900, maxLifetimeSeconds: 28_800 },
    images: {
      registry: "https://123456789012.dkr.ecr.eu-central-1.amazonaws.com",
      repository: "team/whs-agents",
      architecture: "arm64",
      base: { kind: "registry", image: "public.ecr.aws/docker/library/node:24-slim", nodePath: "/usr/local/bin/node" },
    },
  });
  expect(read({ ...aws, AGENTCORE_NODE_BINARY: "/node", AGENTCORE_LIBRARY_ROOT: "/arm64" })?.images.base).toEqual({
    kind: "built",
    nodeBinary: "/node",
    libraryRoot: "/arm64",
  });
  expect(settings).not.toHaveProperty("endpoint");
  expect(settings).not.toHaveProperty("credentials");
  expect(read({ ...aws, AGENTCORE_SUBNETS: "subnet-1, subnet-2", AGENTCORE_SECURITY_GROUPS: "sg-1" })?.network).toEqual({
    mode: "VPC",
    subnets: ["subnet-1", "subnet-2"],
    securityGroups: ["sg-1"],
  });
});

test.each([
  ["AGENTCORE_LOCAL_ACCESS_KEY_ID", { AGENTCORE_URL: local.AGENTCORE_URL }],
  ["AGENTCORE_URL", { ...local, AGENTCORE_URL: "http://agentcore.example.com" }],
  ["AWS_REGION", { AGENTCORE_ROLE_ARN: aws.AGENTCORE_ROLE_ARN, AGENTCORE_REPOSITORY: aws.AGENTCORE_REPOSITORY }],
  ["AGENTCORE_REPOSITORY", { AGENTCORE_ROLE_ARN: aws.AGENTCORE_ROLE_ARN, AWS_REGION: aws.AWS_REGION }],
  ["AGENTCORE_REPOSITORY", { ...local, AGENTCORE_REPOSITORY: aws.AGENTCORE_REPOSITORY }],
  ["AGENTCORE_NODE_BINARY", { ...aws, AGENTCORE_LIBRARY_ROOT: "/arm64" }],
  ["AGENTCORE_BASE_IMAGE", { ...aws, AGENTCORE_NODE_BINARY: "/node", AGENTCORE_LIBRARY_ROOT: "/arm64", AGENTCORE_BASE_IMAGE: "x.com/y" }],
  ["AGENTCORE_SUBNETS", { ...aws, AGENTCORE_SUBNETS: "subnet-1" }],
])("what is missing or wrong is named: %s", (name, environment) => {
  expect(() => read(environment)).toThrow(name);
});
