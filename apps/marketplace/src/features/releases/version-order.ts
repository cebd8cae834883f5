/** Digits of a number's length: versions have up to 256 characters. */
const lengthDigits = 3;

/**
 * Text that compares, byte by byte, like versions by SemVer 2.0, section 11. Numbers carry their length in front; a version
 * without pre-release comes after all that have one; build metadata has no part in it.
 */
export function versionOrder(version: string): { order: string; isPrerelease: boolean } {
  const [withoutBuild = ""] = version.split("+", 1);
  const dash = withoutBuild.indexOf("-");
  const core = dash === -1 ? withoutBuild : withoutBuild.slice(0, dash);
  const numbers = core.split(".").map(ordered).join(".");
  if (dash === -1) return { order: `${numbers}~`, isPrerelease: false };
  // Numbers come before words, and what ends before what goes on: a space sorts before all that an identifier has.
  const identifiers = withoutBuild
    .slice(dash + 1)
    .split(".")
    .map((identifier) => (/^\d+$/.test(identifier) ? `0${ordered(identifier)}` : `1${identifier}`));
  return { order: `${numbers}!${identifiers.map((identifier) => `${identifier} `).join("")}`, isPrerelease: true };
}

function ordered(digits: string): string {
  return `${String(digits.length).padStart(lengthDigits, "0")}${digits}`;
}

/** Negative, 0 or positive, as the first version is lower than, like or higher than the second. */
export function compareVersions(a: string, b: string): number {
  return Buffer.compare(Buffer.from(versionOrder(a).order), Buffer.from(versionOrder(b).order));
}
