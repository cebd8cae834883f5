import { Badge } from "../../ui/badge.tsx";
import { Meter } from "../../ui/meter.tsx";
import { usePreferences } from "../../preferences.ts";

interface LimitCardProps {
  name: string;
  /** What one is called, such as "tokens". */
  unit: string;
  used: number;
  /** Reserved by running invocations. */
  pending: number;
  limit: number;
}

const NEARLY = 0.8;
/** Digits of a figure that is not whole, such as seconds of compute. */
const FORMAT = { maximumFractionDigits: 1 } as const;

/** One limit of the plan: how much is used, what is reserved on top, and how much is left, each as text and in a bar. */
export function LimitCard({ name, unit, used, pending, limit }: LimitCardProps) {
  const { locale } = usePreferences();
  const write = (value: number): string => new Intl.NumberFormat(locale, FORMAT).format(value);
  const share = (value: number): number => (limit === 0 ? Number(value > 0) : value / limit);
  const state = stateOf(share(used + pending));
  const percent = new Intl.NumberFormat(locale, { style: "percent", maximumFractionDigits: 1 }).format(share(used));
  const left = Math.max(limit - used - pending, 0);
  return (
    <section aria-label={name} className="rounded-lg border border-line bg-surface p-5">
      <div className="mb-3 flex flex-wrap items-center justify-between gap-2">
        <h3 className="font-semibold">{name}</h3>
        {state !== "well" && (
          <Badge tone={state === "reached" ? "bad" : "warn"}>{state === "reached" ? "Limit reached" : "Nearly used"}</Badge>
        )}
      </div>
      <p suppressHydrationWarning className="mb-2">
        <span className="text-2xl font-semibold tabular-nums">{write(used)}</span>{" "}
        <span className="text-muted">
          of {write(limit)} {unit} ({percent})
        </span>
      </p>
      <Meter
        label={name}
        settled={share(used)}
        pending={share(pending)}
        text={`${write(used)} of ${write(limit)} ${unit} used, ${write(pending)} pending`}
        tone={state === "reached" ? "bad" : state === "nearly" ? "warn" : "accent"}
      />
      <dl className="mt-3 flex flex-wrap gap-x-6 gap-y-1 text-sm">
        <Figure term="Pending" text={`${write(pending)} ${unit}`} />
        <Figure term="Left" text={`${write(left)} ${unit}`} />
      </dl>
    </section>
  );
}

function Figure({ term, text }: { term: string; text: string }) {
  return (
    <div className="flex gap-1.5">
      <dt className="text-muted">{term}</dt>
      <dd suppressHydrationWarning className="tabular-nums">
        {text}
      </dd>
    </div>
  );
}

function stateOf(share: number): "well" | "nearly" | "reached" {
  return share >= 1 ? "reached" : share >= NEARLY ? "nearly" : "well";
}
