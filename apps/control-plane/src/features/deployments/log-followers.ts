import { AppError } from "@whs/platform/errors";

/** Followers of one user, and of all, that one process serves at once: each of them looks for lines again and again. */
const perUser = 10;
const perProcess = 200;

export interface LogFollowers {
  /** @returns call it when the follower is gone. @throws AppError when there are too many. */
  enter(userId: string): () => void;
}

export function createLogFollowers(): LogFollowers {
  const byUser = new Map<string, number>();
  let total = 0;
  return {
    enter(userId) {
      const own = byUser.get(userId) ?? 0;
      if (own >= perUser) throw new AppError("RATE_LIMITED", `At most ${perUser} logs can be followed at once.`);
      if (total >= perProcess) throw new AppError("UNAVAILABLE", "Too many logs are followed at once; try again in a moment.");
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
