import type { Dependencies } from "../../context.ts";
import { deleteDaysBefore, refreshSums } from "./store.ts";
import { dayOf } from "./views.ts";

const dayMs = 86_400_000;
/** Thirteen months, so that a month can be compared with the same one a year before. */
const keptDays = 396;

/** Lets days that are thirty days past leave the sums, and days that are long past go. */
export async function refreshStats({ db, now }: Pick<Dependencies, "db" | "now">): Promise<void> {
  const today = now().getTime();
  await refreshSums(db, dayOf(new Date(today - 29 * dayMs)));
  await deleteDaysBefore(db, dayOf(new Date(today - keptDays * dayMs)));
}
