import { startTransition, StrictMode } from "react";
import { hydrateRoot } from "react-dom/client";
import { HydratedRouter } from "react-router/dom";
import { TIME_ZONE_COOKIE } from "./preferences.ts";

const YEAR_SECONDS = 31_536_000;
const zone = encodeURIComponent(Intl.DateTimeFormat().resolvedOptions().timeZone);
// The server writes times as this person reads them, from the next page on.
document.cookie = `${TIME_ZONE_COOKIE}=${zone}; Path=/; Max-Age=${YEAR_SECONDS}; SameSite=Lax${location.protocol === "https:" ? "; Secure" : ""}`;

startTransition(() => {
  hydrateRoot(
    document,
    <StrictMode>
      <HydratedRouter />
    </StrictMode>,
  );
});
