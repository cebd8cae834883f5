import type { Deployment } from "@whs/api";
import { Form } from "react-router";
import { Amount } from "../../../ui/number.tsx";
import { Button } from "../../../ui/button.tsx";
import { SelectField } from "../../../ui/field.tsx";
import { type Column, Table } from "../../../ui/table.tsx";
import { bundleOf } from "./bundle-of.ts";
import { compareManifests, type Difference } from "./compare-manifests.ts";

const COLUMNS: readonly Column<Difference>[] = [
  { key: "field", label: "Field", cell: ({ field }) => <code className="font-mono text-sm">{field}</code> },
  { key: "before", label: "Before", cell: ({ before }) => <del className="text-bad">{before ?? "not set"}</del> },
  { key: "after", label: "After", cell: ({ after }) => <ins className="text-good no-underline">{after ?? "not set"}</ins> },
];

interface ChangesProps {
  deployment: Deployment;
  against: Deployment | null;
  /** Versions that can be chosen, newest first. */
  others: readonly number[];
}

/** What is different from another version: the manifest by its fields, the bundle by its size and checksum. */
export function Changes({ deployment, against, others }: ChangesProps) {
  if (against === null) return null;
  const differences = compareManifests(against.manifest, deployment.manifest);
  return (
    <section aria-labelledby="changes">
      <h2 id="changes" className="mb-3 text-lg font-semibold">
        Changes since version {against.version}
      </h2>
      {others.length > 1 && (
        <Form method="get" preventScrollReset className="mb-4 flex flex-wrap items-end gap-3">
          <SelectField
            key={against.version}
            label="Compare with"
            name="against"
            defaultValue={String(against.version)}
            options={others.map((version) => ({ value: String(version), label: `Version ${version}` }))}
          />
          <Button type="submit">Compare</Button>
        </Form>
      )}
      <p className="mb-3">
        <BundleChange deployment={deployment} against={against} />
      </p>
      {differences.length === 0 ? (
        <p>The manifest is the same.</p>
      ) : (
        <Table caption="Changes of the manifest" columns={COLUMNS} rows={differences} rowKey={({ field }) => field} />
      )}
    </section>
  );
}

function BundleChange({ deployment, against }: { deployment: Deployment; against: Deployment }) {
  const before = bundleOf(against);
  const after = bundleOf(deployment);
  if (before === null || after === null) return "The bundles cannot be compared: one of them was never fetched.";
  if (before.checksum === after.checksum) return "The bundle is the same, byte for byte.";
  return (
    <>
      The bundle is another one: <Amount value={before.sizeBytes} /> bytes before, <Amount value={after.sizeBytes} /> bytes now.
    </>
  );
}
