-- Authorization codes (RFC 6749, section 4.1) that wait to be redeemed, by the digest of the code. Each is good for one minute
-- and for one redemption, so none is worth a write-ahead log.
CREATE UNLOGGED TABLE identity.authorization_codes (
  code_sha256    bytea       PRIMARY KEY CHECK (octet_length(code_sha256) = 32),
  client_id      text        NOT NULL,
  redirect_uri   text        NOT NULL,
  code_challenge text        NOT NULL,
  nonce          text,
  session_id     text        NOT NULL,
  expires_at     timestamptz NOT NULL
);

CREATE INDEX authorization_codes_expires_at ON identity.authorization_codes (expires_at);
