import { styleText } from "node:util";

export type Style = ReturnType<typeof createStyle>;

/** Colours, or the plain text where there are none. */
export function createStyle(enabled: boolean) {
  const paint =
    (format: Parameters<typeof styleText>[0]) =>
    (text: string): string =>
      enabled && text !== "" ? styleText(format, text, { validateStream: false }) : text;
  return { bold: paint("bold"), dim: paint("dim"), red: paint("red"), green: paint("green"), yellow: paint("yellow"), cyan: paint("cyan") };
}

/** Control characters of C0 and C1 but tab and line feed: they could move the cursor or reprogram the terminal. */
// eslint-disable-next-line no-control-regex -- these characters are what it is about
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

/** Text from elsewhere (agents, logs, other people's names) as a terminal may show it. */
export function printable(text: string): string {
  return text.replaceAll("\r\n", "\n").replace(CONTROL, "");
}

/** The same in one line. */
export function printableLine(text: string): string {
  return printable(text).replace(/\s*\n\s*/g, " ");
}
