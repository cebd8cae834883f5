/**
 * Takes this process the rights on the files of the user who started it. Where that is root, whom no mode stops, it goes
 * on as a user without any.
 * @returns how to take them back; undefined where the system knows no users.
 */
export function asNobody(): (() => void) | undefined {
  const { geteuid, seteuid } = process;
  if (geteuid === undefined || seteuid === undefined || geteuid() !== 0) return undefined;
  seteuid(65_534);
  return () => seteuid(0);
}
