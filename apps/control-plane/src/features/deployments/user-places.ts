import { AppError } from "@whs/platform/errors";

/** Bounds what one user, and all together, have under way at once in this process. */
export interface UserPlaces {
  /** @returns call it when the place is free again. @throws AppError when there are too many. */
  enter(userId: string): () => void;
}

export function createUserPlaces(options: { perUser: number; perProcess: number; tooMany: string; busy: string }): UserPlaces {
  const byUser = new Map<string, number>();
  let total = 0;
  return {
    enter(userId) {
      const own = byUser.get(userId) ?? 0;
      if (own >= options.perUser) throw new AppError("RATE_LIMITED", options.tooMany);
      if (total >= options.perProcess) throw new AppError("UNAVAILABLE", options.busy);
      byUser.set(userId, own + 1);
      total += 1;
      return () => {
        const left = (byUser.get(userId) ?? 1) - 1;
        if (left === 0) byUser.delete(userId);
        else byUser.set(userId, left);
        total -= 1;
      };
    },
  };
}
