import { z } from "zod";

/** Parts of a stack whose version can be demanded or seen. */
const components = ["gateway", "provisioner", "agent", "runtime-node", "agentcore"] as const;
type Component = (typeof components)[number];

const pair = new RegExp(`^(${components.join("|")})=(\\d{1,6}\\.\\d{1,6}\\.\\d{1,9}(?:-[0-9A-Za-z.-]{1,64})?)$`);

/**
 * `WHS_REPORTED_VERSIONS`, such as `gateway=1.4.0,agent=2.0.0`: what these components say that they are, in place of what
 * they are. For rehearsing how artifacts and installs meet another version, before it is there.
 */
export const reportedVersionsSchema = z
  .string()
  .default("")
  .transform((text, context) => {
    const versions: Partial<Record<Component, string>> = {};
    for (const part of text.split(",").filter((one) => one.trim() !== "")) {
      const [, component, version] = pair.exec(part.trim()) ?? [];
      if (component === undefined || version === undefined || component in versions) {
        context.addIssue({ code: "custom", message: "must name each component once, with a version" });
        return z.NEVER;
      }
      versions[component as Component] = version;
    }
    return versions;
  })
  .describe(`comma-separated component=version, of ${components.join(", ")}, such as gateway=1.4.0; for rehearsing upgrades`);

export type ReportedVersions = z.output<typeof reportedVersionsSchema>;
