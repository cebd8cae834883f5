-- Counters of attempts in fixed windows: sign-ins per address, failures per account, codes per address.
-- Nothing here is worth keeping over a crash, so it does not pay for a write-ahead log.
CREATE UNLOGGED TABLE identity.attempts (
  key         text        PRIMARY KEY CHECK (length(key) <= 400),
  count       integer     NOT NULL CHECK (count > 0),
  window_ends timestamptz NOT NULL
);

CREATE INDEX attempts_window_ends ON identity.attempts (window_ends);
