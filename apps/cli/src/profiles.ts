import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import { UserError } from "./errors.ts";

const profileSchema = z.object({
  apiUrl: z.string(),
  /** API token. */
  token: z.string(),
  tokenId: z.string().optional(),
  identityUrl: z.string().optional(),
  /** For people: e-mail address or name. */
  user: z.string().optional(),
});
export type Profile = z.output<typeof profileSchema>;

const fileSchema = z.object({ profiles: z.record(z.string(), profileSchema) });

export const defaultProfile = "default";

/** Who is signed in where: `profiles.json`, which only its owner may read. */
export class Profiles {
  readonly file: string;

  constructor(configDir: string) {
    this.file = path.join(configDir, "profiles.json");
  }

  get(name: string): Profile | undefined {
    return this.all()[name];
  }

  /** @throws UserError when the file is there, but is not what this program writes. */
  all(): Record<string, Profile> {
    if (!existsSync(this.file)) return {};
    try {
      return fileSchema.parse(JSON.parse(readFileSync(this.file, "utf8"))).profiles;
    } catch (cause) {
      throw new UserError(`Cannot read ${this.file}: it is damaged, or not yours to read.`, {
        next: [`rm ${this.file} && whs login`],
        cause,
      });
    }
  }

  set(name: string, profile: Profile): void {
    this.#write({ ...this.all(), [name]: profile });
  }

  remove(name: string): void {
    const { [name]: _removed, ...others } = this.all();
    this.#write(others);
  }

  /** Whole or not at all, and never for a moment readable by others. */
  #write(profiles: Record<string, Profile>): void {
    const folder = path.dirname(this.file);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    chmodSync(folder, 0o700);
    const temporary = `${this.file}.${randomBytes(6).toString("hex")}`;
    writeFileSync(temporary, `${JSON.stringify({ profiles }, null, 2)}\n`, { mode: 0o600, flag: "wx" });
    renameSync(temporary, this.file);
  }
}
