import type { IdempotentAnswer } from "@whs/platform/http";
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { z } from "zod";
import type { ClaimId } from "./claims.ts";

const ivBytes = 12;
const tagBytes = 16;

const answerSchema = z.object({ status: z.int(), body: z.unknown().optional(), contentSha256: z.string().optional() });

/** AES-256-GCM, bound to the row it is for: initialisation vector, tag, ciphertext. */
export function sealAnswer(key: Buffer, id: ClaimId, answer: IdempotentAnswer): Buffer {
  const iv = randomBytes(ivBytes);
  const cipher = createCipheriv("aes-256-gcm", key, iv).setAAD(rowOf(id));
  const sealed = Buffer.concat([cipher.update(JSON.stringify(answer), "utf8"), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), sealed]);
}

/** @throws when the bytes were not sealed with this key for this row. */
export function openAnswer(key: Buffer, id: ClaimId, bytes: Buffer): IdempotentAnswer {
  const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, ivBytes), { authTagLength: tagBytes })
    .setAAD(rowOf(id))
    .setAuthTag(bytes.subarray(ivBytes, ivBytes + tagBytes));
  const text = Buffer.concat([decipher.update(bytes.subarray(ivBytes + tagBytes)), decipher.final()]).toString("utf8");
  const { contentSha256, ...answer } = answerSchema.parse(JSON.parse(text));
  return { status: answer.status, body: answer.body, ...(contentSha256 === undefined ? {} : { contentSha256 }) };
}

function rowOf(id: ClaimId): Buffer {
  return Buffer.from(JSON.stringify(Object.entries(id)));
}
