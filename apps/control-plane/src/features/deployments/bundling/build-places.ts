import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { startBundler } from "./build-bundle.ts";
import type { BuildSandbox } from "./build-sandbox.ts";
import type { StartedBuild } from "./run-build.ts";

/** Where one bundle is extracted and built. */
export interface BuildPlace {
  /** Empty. */
  extractedDir: string;
  /** A bundler that has started and sees this directory; undefined: none waits. Of one build only, like any other. */
  started: StartedBuild | undefined;
  /** Removes it, when the build has ended. */
  release(): Promise<void>;
}

interface Place extends BuildPlace {
  remove(): Promise<void>;
}

export interface BuildPlacesOptions {
  /** Holds the directories. */
  folder: string;
  sandbox: BuildSandbox;
  /** Of a build. */
  timeoutMs: number;
  /** How long a started bundler waits for the next build. */
  spareMs?: number;
  log: (error: unknown) => void;
}

/** Not at once, so that it does not compete with the end of the deploy. */
const SPARE_AFTER_MS = 200;
const SPARE_MS = 10 * 60_000;

/**
 * Starting a bundler is most of the time of a small build. So after a build the next one's bundler is started ahead, with an
 * empty directory of its own: whoever deploys now is likely to deploy again.
 */
export class BuildPlaces {
  private readonly options: BuildPlacesOptions;
  private spare: Place | undefined;
  private timer: NodeJS.Timeout | undefined;
  /** The preparation or removal of a spare that is under way. */
  private work: Promise<void> = Promise.resolve();
  private isClosed = false;

  constructor(options: BuildPlacesOptions) {
    this.options = options;
  }

  async take(): Promise<BuildPlace> {
    const { spare } = this;
    this.spare = undefined;
    clearTimeout(this.timer);
    if (spare?.started?.isRunning === true) return spare;
    await spare?.remove();
    return this.create();
  }

  /** Ends the bundler that waits. */
  async close(): Promise<void> {
    this.isClosed = true;
    clearTimeout(this.timer);
    await this.work;
    await this.removeSpare();
  }

  private async create(): Promise<Place> {
    const directory = await mkdtemp(join(this.options.folder, "build-"));
    const extractedDir = join(directory, "bundle");
    await mkdir(extractedDir, 0o700);
    const place: Place = {
      extractedDir,
      started: undefined,
      remove: () => {
        place.started?.kill();
        return rm(directory, { recursive: true, force: true });
      },
      release: async () => {
        await place.remove();
        this.after(SPARE_AFTER_MS, () => this.prepare());
      },
    };
    return place;
  }

  private async prepare(): Promise<void> {
    const { sandbox, timeoutMs, spareMs = SPARE_MS } = this.options;
    if (this.spare === undefined) {
      const place = await this.create();
      place.started = startBundler(sandbox, place.extractedDir, timeoutMs);
      this.spare = place;
    }
    this.after(spareMs, () => this.removeSpare());
  }

  private async removeSpare(): Promise<void> {
    const { spare } = this;
    this.spare = undefined;
    await spare?.remove();
  }

  /** One thing at a time; the latest word counts. */
  private after(delayMs: number, action: () => Promise<void>): void {
    clearTimeout(this.timer);
    if (this.isClosed) return;
    this.timer = setTimeout(() => {
      this.work = this.work.then(action).catch(this.options.log);
    }, delayMs);
    this.timer.unref();
  }
}
