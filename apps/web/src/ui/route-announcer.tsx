import { useEffect, useRef, useState } from "react";
import { useLocation } from "react-router";

/**
 * After a navigation the keyboard starts at the new page's content and screen readers hear its title, as after a full load.
 * A change of the query alone (a filter, the next page of a table) leaves the focus where the person works.
 */
export function RouteAnnouncer() {
  const { pathname, hash } = useLocation();
  const before = useRef(pathname);
  const [title, setTitle] = useState("");
  useEffect(() => {
    if (before.current === pathname) return;
    before.current = pathname;
    setTitle(document.title);
    if (hash === "") document.querySelector<HTMLElement>("#main")?.focus({ preventScroll: true });
  }, [pathname, hash]);
  return (
    <p aria-live="polite" aria-atomic="true" className="sr-only">
      {title}
    </p>
  );
}
