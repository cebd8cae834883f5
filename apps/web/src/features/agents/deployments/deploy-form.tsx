import { type DragEvent, type ReactNode, useState } from "react";
import { useNavigate } from "react-router";
import { paths } from "../../../paths.ts";
import { invalid, type Problem } from "../../../problem.ts";
import { classNames } from "../../../ui/class-names.ts";
import { RefusedBundle } from "./refused-bundle.tsx";
import { type Picked, pickDropped, pickFiles } from "./pick-files.ts";
import { sendBundle } from "./send-bundle.ts";

/** What the form does at the moment; `sent` from 0 to 1. */
type Doing = { step: "nothing" } | { step: "packing" } | { step: "sending"; sent: number };

/** Takes an archive or a folder, dropped or chosen, uploads it and goes to its deployment. */
export function DeployForm({ agentId }: { agentId: string }) {
  const { doing, problem, deploy } = useDeploy(agentId);
  const [over, setOver] = useState(false);
  const [activate, setActivate] = useState(true);
  const busy = doing.step !== "nothing";
  const onDrop = (event: DragEvent): void => {
    event.preventDefault();
    setOver(false);
    if (!busy) void deploy(pickDropped(event.dataTransfer), activate);
  };
  return (
    <section aria-labelledby="deploy" className="flex flex-col gap-3">
      <h2 id="deploy" className="text-lg font-semibold">
        Deploy
      </h2>
      <RefusedBundle problem={problem} />
      <div
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={onDrop}
        className={classNames(
          "flex flex-col items-center gap-4 rounded-lg border border-dashed px-6 py-8 text-center",
          over ? "border-accent bg-accent-soft" : "border-line-strong bg-surface",
        )}
      >
        <p className="max-w-prose">
          Drop a bundle here, as <code className="font-mono text-sm">npx whs build</code> makes it, or the folder of an agent.
        </p>
        <div className="flex flex-wrap justify-center gap-2">
          <FileButton disabled={busy} onChoose={(files) => void deploy(pickFiles(files), activate)}>
            Choose files
          </FileButton>
          <FileButton folder disabled={busy} onChoose={(files) => void deploy(pickFiles(files), activate)}>
            Choose a folder
          </FileButton>
        </div>
        <p className="max-w-prose text-sm text-muted">
          A .tar.gz or .zip of at most 25 MB, with agent.config.json at its root. From a folder, hidden files, keys and node_modules are
          left out.
        </p>
        <Progress doing={doing} />
      </div>
      <label className="flex items-center gap-2">
        <input
          type="checkbox"
          checked={activate}
          disabled={busy}
          onChange={(event) => setActivate(event.target.checked)}
          className="size-4 accent-accent"
        />
        Let it serve as soon as it is deployed
      </label>
      <noscript>
        <p className="text-muted">Uploads from this page need script. The command line does the same: npx whs deploy</p>
      </noscript>
    </section>
  );
}

function useDeploy(agentId: string) {
  const [doing, setDoing] = useState<Doing>({ step: "nothing" });
  const [problem, setProblem] = useState<Problem>();
  const navigate = useNavigate();
  const deploy = async (picking: Promise<Picked>, activate: boolean): Promise<void> => {
    setProblem(undefined);
    setDoing({ step: "packing" });
    const answer = await send(picking, agentId, activate, (sent) => setDoing({ step: "sending", sent }));
    setDoing({ step: "nothing" });
    if ("problem" in answer) setProblem(answer.problem);
    else await navigate(paths.deployment(agentId, answer.deploymentId));
  };
  return { doing, problem, deploy };
}

async function send(picking: Promise<Picked>, agentId: string, activate: boolean, onProgress: (sent: number) => void) {
  let archive: { bundle: Blob; name: string };
  try {
    archive = await archiveOf(await picking);
  } catch (error) {
    // A file that was moved away, or a path that cannot be packed: its own words say it best.
    return { problem: invalid({}, error instanceof Error ? error.message : "These files cannot be read.") };
  }
  return sendBundle({ agentId, ...archive, activate, onProgress });
}

async function archiveOf(picked: Picked): Promise<{ bundle: Blob; name: string }> {
  if (picked.kind === "archive") return picked;
  const { packFolder } = await import("./pack-folder.ts");
  return { bundle: await packFolder(picked.files), name: "bundle.tar.gz" };
}

interface FileButtonProps {
  folder?: boolean;
  disabled: boolean;
  onChoose: (files: FileList) => void;
  children: ReactNode;
}

/** The browser's own field, which keyboards and screen readers know, under the look of a button. */
function FileButton({ folder = false, disabled, onChoose, children }: FileButtonProps) {
  return (
    <label
      className={classNames(
        "inline-flex min-h-9 items-center rounded-md border border-line-strong bg-surface px-3 py-1.5 font-medium",
        "has-focus-visible:outline-2 has-focus-visible:outline-offset-2 has-focus-visible:outline-accent",
        disabled ? "cursor-not-allowed opacity-60" : "cursor-pointer hover:bg-hover",
      )}
    >
      {children}
      <input
        type="file"
        multiple
        disabled={disabled}
        {...(folder ? { webkitdirectory: "" } : {})}
        onChange={({ target }) => {
          if (target.files !== null && target.files.length > 0) onChoose(target.files);
          // The same choice again is a choice.
          target.value = "";
        }}
        className="sr-only"
      />
    </label>
  );
}

function Progress({ doing }: { doing: Doing }) {
  return (
    <div role="status" className="w-full max-w-sm">
      {doing.step === "packing" && <p>Packing…</p>}
      {doing.step === "sending" && (
        <>
          <p className="mb-1">{doing.sent < 1 ? "Uploading…" : "Checking the bundle…"}</p>
          <progress value={doing.sent} max={1} aria-label="Upload" className="h-2 w-full accent-accent" />
        </>
      )}
    </div>
  );
}
