import { z } from "zod";
import { textSchema } from "./base.ts";

/** Of a file's content, what is shown at the most. */
export const shownFileMaxBytes = 256 * 1024;

export const deploymentFileSchema = z.object({
  path: z.string(),
  sizeBytes: z.int(),
  sha256: z.string().describe("64 hexadecimal digits"),
});
export type DeploymentFile = z.output<typeof deploymentFileSchema>;

export const deploymentFileQuery = z.strictObject({ path: textSchema.min(1).max(512).describe("As the list of files has it") });

export const deploymentFileContentSchema = deploymentFileSchema.extend({
  content: z
    .enum(["text", "binary", "too_large", "withheld"])
    .describe("`too_large`: more than 256 KiB. `withheld`: the bundle is a publisher's, installed from the marketplace"),
  text: z.string().nullable().describe("Null unless `content` is `text`"),
});
export type DeploymentFileContent = z.output<typeof deploymentFileContentSchema>;
