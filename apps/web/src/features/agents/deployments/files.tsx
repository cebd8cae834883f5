import { Link, useSearchParams } from "react-router";
import { Badge, type BadgeTone } from "../../../ui/badge.tsx";
import { Bytes } from "../../../ui/bytes.tsx";
import { classNames } from "../../../ui/class-names.ts";
import { type Column, Table } from "../../../ui/table.tsx";
import type { DiffLine, FileChange } from "./compare-files.server.ts";
import type { LoadedFiles, ShownFile } from "./load-files.server.ts";

const CHANGES: Readonly<Record<FileChange["change"], { label: string; tone: BadgeTone }>> = {
  added: { label: "Added", tone: "good" },
  removed: { label: "Removed", tone: "bad" },
  changed: { label: "Changed", tone: "warn" },
  same: { label: "The same", tone: "neutral" },
};

/** The bundle's files, what became of each since the other version, and the text of the one that the URL names. */
export function Files({ files: { changes, more, shown }, compared }: { files: LoadedFiles; compared: boolean }) {
  const [search] = useSearchParams();
  return (
    <section aria-labelledby="files">
      <h2 id="files" className="mb-3 text-lg font-semibold">
        Files
      </h2>
      <Table caption="Files of the bundle" columns={columnsFor(search, compared)} rows={changes} rowKey={({ path }) => path} />
      {more > 0 && <p className="mt-2 text-sm text-muted">And {more} more.</p>}
      {shown !== null && <FileText file={shown} />}
    </section>
  );
}

function columnsFor(search: URLSearchParams, compared: boolean): readonly Column<FileChange>[] {
  const linkTo = (path: string): string => {
    const next = new URLSearchParams(search);
    next.set("file", path);
    return `?${next.toString()}#file`;
  };
  return [
    {
      key: "path",
      label: "File",
      cell: ({ path }) => (
        <Link to={linkTo(path)} className="font-mono text-sm break-all text-accent hover:underline">
          {path}
        </Link>
      ),
    },
    ...(compared
      ? [
          {
            key: "change",
            label: "Change",
            cell: ({ change }: FileChange) => <Badge tone={CHANGES[change].tone}>{CHANGES[change].label}</Badge>,
          },
        ]
      : []),
    { key: "size", label: "Size", align: "end", cell: ({ sizeBytes }) => <Bytes value={sizeBytes} />, optional: true },
  ];
}

function FileText({ file: { path, lines, note } }: { file: ShownFile }) {
  return (
    <div id="file" className="mt-4 scroll-mt-4">
      <h3 className="mb-2 font-mono text-sm font-medium break-all">{path}</h3>
      {note !== null && <p className="mb-2 text-sm text-muted">{note}</p>}
      {lines !== null && (
        <pre
          tabIndex={0}
          role="region"
          aria-label={`Text of ${path}`}
          className="max-h-[40rem] overflow-auto rounded-lg border border-line bg-sunken py-2 font-mono text-sm leading-relaxed"
        >
          {lines.map((line, index) => (
            <Line key={index} line={line} />
          ))}
        </pre>
      )}
    </div>
  );
}

const LINES: Readonly<Record<DiffLine["kind"], { sign: string; look: string }>> = {
  added: { sign: "+ ", look: "bg-good-soft text-good no-underline" },
  removed: { sign: "- ", look: "bg-bad-soft text-bad no-underline" },
  same: { sign: "  ", look: "" },
  gap: { sign: "… ", look: "text-muted" },
};

function Line({ line: { kind, text } }: { line: DiffLine }) {
  const { sign, look } = LINES[kind];
  const Element = kind === "added" ? "ins" : kind === "removed" ? "del" : "span";
  return <Element className={classNames("block min-w-max px-4", look)}>{`${sign}${text}\n`}</Element>;
}
