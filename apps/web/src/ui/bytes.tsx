import { Amount } from "./number.tsx";

const UNITS = [
  ["megabyte", 1_000_000],
  ["kilobyte", 1_000],
  ["byte", 1],
] as const;

/** A size as the person's language writes it: `1.5 MB`, `812 byte`. */
export function Bytes({ value }: { value: number }) {
  const [unit, length] = UNITS.find(([, bytes]) => value >= bytes) ?? UNITS[2];
  return <Amount value={value / length} options={{ style: "unit", unit, maximumFractionDigits: 1 }} />;
}
