/** So many points in each window, which begins with the first point and lasts for whole seconds. */
export interface RateRule {
  limit: number;
  windowSeconds: number;
}

export interface RateDecision {
  allowed: boolean;
  limit: number;
  /** Points left in the window. */
  remaining: number;
  /** Whole seconds until the window ends; at least 1. */
  resetSeconds: number;
}

/** Points that the taker may spend until the window ends. */
export interface TakenPoints {
  /** At most what was asked for; 0 when the window is used up. */
  taken: number;
  /** The limit that is in force: less than the rule's while the shared store cannot be reached. */
  limit: number;
  /** Points left in the window for others. */
  remaining: number;
  /** Milliseconds until the window ends. */
  resetMs: number;
}

/**
 * Limits that all processes of an installation share. `scope` says what is limited, from a closed set of words; `key` says
 * for whom: an id or an address. Stores keep digests of keys only.
 */
export interface RateLimits {
  /** Takes all the points. Asking for more than are left is refused, and uses up the window. */
  consume(scope: string, key: string, rule: RateRule, points?: number): Promise<RateDecision>;
  /** Takes as many of the points as are left, for spending them without asking again. */
  take(scope: string, key: string, rule: RateRule, points: number): Promise<TakenPoints>;
  /** The refusal that this process knows of without asking, if there is one. */
  knownRefusal(scope: string, key: string, rule: RateRule): RateDecision | undefined;
  /** Whether each process limits on its own, at its part of the limit, since the store cannot be reached. */
  readonly degraded: boolean;
  close(): Promise<void>;
}

/** Where windows are counted. */
export interface RateStore {
  /** Adds points to the key's present window. @returns what they have come to, these included. */
  add(key: string, rule: RateRule, points: number): Promise<WindowState>;
  close(): Promise<void>;
}

export interface WindowState {
  total: number;
  /** Milliseconds until the window ends. */
  resetMs: number;
}
