import { request } from "node:http";
import { z } from "zod";
import { UserError } from "../errors.ts";

/** Copies of many sessions take their time; a supervisor that is gone says so at once. */
const TIMEOUT_MS = 6 * 3600 * 1000;

const refusalSchema = z.object({ message: z.string() });

/**
 * Asks the supervisor of this machine by its socket, which opens to its own user alone.
 * @throws UserError when it does not run, or refuses.
 */
export async function askSupervisor(socketPath: string, path: string, body: unknown): Promise<unknown> {
  const { status, text } = await post(socketPath, path, JSON.stringify(body)).catch((cause: unknown) => {
    throw new UserError(`The supervisor at ${socketPath} cannot be reached.`, {
      next: ["start the data plane, or name its socket with --socket"],
      cause,
    });
  });
  const answer: unknown = text === "" ? null : JSON.parse(text);
  if (status < 400) return answer;
  throw new UserError(refusalSchema.safeParse(answer).data?.message ?? `The supervisor answered ${status}.`);
}

function post(socketPath: string, path: string, body: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(
      { socketPath, path, method: "POST", headers: { "content-type": "application/json" }, timeout: TIMEOUT_MS },
      (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => (text += chunk));
        response.on("end", () => resolve({ status: response.statusCode ?? 500, text }));
        response.on("error", reject);
      },
    );
    sent.on("timeout", () => sent.destroy(new Error("There was no answer in time.")));
    sent.on("error", reject);
    sent.end(body);
  });
}
