import type { fleetprompt, ReceivedOf } from "@whs/api";
import { DescriptionList } from "../../ui/description-list.tsx";
import { Amount } from "../../ui/number.tsx";
import { type Column, Table } from "../../ui/table.tsx";
import { Time } from "../../ui/time.tsx";

type Day = ReceivedOf<typeof fleetprompt.getListingStats>["days"][number];

const COLUMNS: readonly Column<Day>[] = [
  { key: "date", label: "Day (UTC)", cell: ({ date }) => <Time value={`${date}T12:00:00Z`} form="date" /> },
  { key: "views", label: "Views", cell: ({ views }) => <Amount value={views} />, align: "end" },
  { key: "installIntents", label: "Installs begun", cell: ({ installIntents }) => <Amount value={installIntents} />, align: "end" },
  { key: "redemptions", label: "Handed over", cell: ({ redemptions }) => <Amount value={redemptions} />, align: "end" },
];

/** Sums of the last days, and each day on which something happened. */
export function ListingStats({ days }: { days: readonly Day[] }) {
  const sum = (of: (day: Day) => number): number => days.reduce((total, day) => total + of(day), 0);
  const eventful = days.filter((day) => day.views + day.installIntents + day.redemptions > 0).toReversed();
  return (
    <section aria-labelledby="stats" className="flex flex-col gap-3">
      <h2 id="stats" className="text-lg font-semibold">
        Last {days.length} days
      </h2>
      <DescriptionList
        entries={[
          { term: "Views", value: <Amount value={sum(({ views }) => views)} /> },
          { term: "Installs begun", value: <Amount value={sum(({ installIntents }) => installIntents)} /> },
          { term: "Handed over to the buyer's system", value: <Amount value={sum(({ redemptions }) => redemptions)} /> },
        ]}
      />
      {eventful.length > 0 && <Table caption="By day" columns={COLUMNS} rows={eventful} rowKey={({ date }) => date} />}
    </section>
  );
}
