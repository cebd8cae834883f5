import { paths } from "../../../paths.ts";
import { invalid, type Problem } from "../../../problem.ts";

export type UploadAnswer = { deploymentId: string } | { problem: Problem };

export interface SendBundle {
  agentId: string;
  bundle: Blob;
  /** Of the archive: `.zip` says which of the two it is. */
  name: string;
  activate: boolean;
  /** From 0 to 1. */
  onProgress: (sent: number) => void;
}

/** Sends the archive and deploys it. Never throws: what goes wrong is the answer. */
export function sendBundle({ agentId, bundle, name, activate, onProgress }: SendBundle): Promise<UploadAnswer> {
  return new Promise((resolve) => {
    // fetch() does not tell how much of a body has been sent.
    const request = new XMLHttpRequest();
    request.open("POST", paths.uploadBundle(agentId, activate));
    request.setRequestHeader("content-type", /\.zip$/i.test(name) ? "application/zip" : "application/gzip");
    request.responseType = "json";
    request.upload.addEventListener("progress", ({ loaded, total }) => onProgress(total === 0 ? 1 : loaded / total));
    request.addEventListener("error", () => resolve({ problem: failed("The connection broke off.") }));
    request.addEventListener("load", () => {
      const answer = request.response as UploadAnswer | null;
      resolve(request.status === 200 && answer !== null ? answer : { problem: failed(sentenceFor(request.status)) });
    });
    request.send(bundle);
  });
}

function sentenceFor(status: number): string {
  return status === 413 ? "The bundle is too large." : `The upload failed: the server answers ${status}.`;
}

function failed(message: string): Problem {
  return invalid({}, message);
}
