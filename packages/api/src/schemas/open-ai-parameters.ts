import { z } from "zod";
import { textSchema } from "./base.ts";

/** What OpenAI's endpoints have in common. */

/** A parameter that would change what the answer means, and that no agent can be told. */
export const refused = (message: string) =>
  z
    .unknown()
    .refine((value) => value === undefined, message)
    .optional();

/** A parameter that tunes a model; an agent chooses its own. */
export const ignored = z.unknown().optional();

export const agentsOwnTools = "is not supported: an agent brings its own tools";
export const noTools = z.array(z.unknown()).max(0, agentsOwnTools).optional();

export const openAiModelName = textSchema.min(1).max(256);

/** An answer of plain text, which is all that an agent can be asked for. */
export const textFormat = z.strictObject({ type: z.literal("text", "must be text: the agent decides what it answers") });
