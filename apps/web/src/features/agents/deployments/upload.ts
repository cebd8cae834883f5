/** A bundle on its way from the browser to the API, piece by piece, and the deployment of it. */
import { createDeployment, createUpload } from "@whs/api";
import type { ActionFunctionArgs } from "react-router";
import { apiOf } from "../../../api.server.ts";
import { invalid, type Problem } from "../../../problem.ts";
import type { UploadAnswer } from "./send-bundle.ts";

const CONTENT_TYPES: readonly string[] = ["application/gzip", "application/zip"];
const TIMEOUT_MS = 120_000;

/**
 * Body: the archive. Query: `activate=no` for one that is not to serve yet.
 * The status is 200 in any case: what the API refuses is part of the answer.
 */
export async function action(args: ActionFunctionArgs): Promise<Response> {
  try {
    return answer(await deploy(args));
  } catch (error) {
    // A redirect to the sign-in leads a page somewhere, but not an upload.
    if (error instanceof Response && error.status >= 300 && error.status < 400) return answer({ problem: signedOut() });
    throw error;
  }
}

async function deploy(args: ActionFunctionArgs): Promise<UploadAnswer> {
  const { request, params } = args;
  const api = apiOf(args);
  const contentType = request.headers.get("content-type") ?? "";
  if (!CONTENT_TYPES.includes(contentType) || request.body === null)
    return { problem: invalid({}, "A bundle is a .tar.gz or a .zip archive.") };
  const signal = AbortSignal.any([request.signal, AbortSignal.timeout(TIMEOUT_MS)]);
  const uploaded = await api.attempt(createUpload, { bytes: { contentType, data: request.body }, signal });
  if (!uploaded.ok) return { problem: uploaded.problem };
  const created = await api.attempt(createDeployment, {
    id: params["agentId"] ?? "",
    body: {
      artifact: { type: "uploaded_bundle", uploadId: uploaded.answer.upload.id },
      setAsActive: new URL(request.url).searchParams.get("activate") !== "no",
    },
    idempotencyKey: uploaded.answer.upload.id,
  });
  return created.ok ? { deploymentId: created.answer.deployment.id } : { problem: created.problem };
}

function answer(body: UploadAnswer): Response {
  return Response.json(body, { headers: { "cache-control": "no-store" } });
}

function signedOut(): Problem {
  return { ...invalid({}, "You are signed out. Load the page again to sign in."), code: "UNAUTHENTICATED" };
}
