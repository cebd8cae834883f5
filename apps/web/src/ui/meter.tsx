import { useId } from "react";

interface MeterProps {
  label: string;
  /** Of the maximum, 0 to 1; more is shown as full. */
  settled: number;
  /** What comes on top of `settled`, hatched. */
  pending?: number;
  /** The same in words, for who does not see the bar. */
  text: string;
  tone?: keyof typeof FILLS;
}

const FILLS = { accent: "fill-accent", warn: "fill-warn", bad: "fill-bad" } as const;
const STROKES = { accent: "stroke-accent", warn: "stroke-warn", bad: "stroke-bad" } as const;

/** How much of a limit is used. The figures stand beside it in text: neither the length nor the colour says anything alone. */
export function Meter({ label, settled, pending = 0, text, tone = "accent" }: MeterProps) {
  const id = `hatch-${useId()}`;
  const used = clamp(settled);
  const reserved = clamp(settled + pending) - used;
  return (
    <div
      role="meter"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round((used + reserved) * 100)}
      aria-valuetext={text}
    >
      <svg aria-hidden className="h-2.5 w-full rounded-full border border-line-strong bg-sunken" preserveAspectRatio="none">
        <defs>
          <pattern id={id} width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
            <line x1="0" y1="0" x2="0" y2="6" strokeWidth="5" className={STROKES[tone]} />
          </pattern>
        </defs>
        <rect width={percent(used)} height="100%" className={FILLS[tone]} />
        <rect x={percent(used)} width={percent(reserved)} height="100%" fill={`url(#${id})`} />
      </svg>
    </div>
  );
}

function clamp(share: number): number {
  return Math.min(Math.max(share, 0), 1);
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)}%`;
}
