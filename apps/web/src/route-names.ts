import { matchRoutes, type RouteObject } from "react-router";

interface Route {
  id: string;
  parentId?: string | undefined;
  path?: string | undefined;
}

/** Names a path by the template of its page, as metrics need it: as many as there are pages, and no more. */
export function createRouteNames(routes: Readonly<Record<string, Route | undefined>>): (pathname: string) => string | undefined {
  const all = Object.values(routes).filter((route) => route !== undefined);
  const childrenOf = (parentId: string | undefined): RouteObject[] =>
    all
      .filter((route) => route.parentId === parentId)
      .map(({ id, path }) => {
        const children = childrenOf(id);
        if (children.length === 0 && path === undefined) return { id, index: true };
        return path === undefined ? { id, children } : { id, path, children };
      });
  const tree = childrenOf(undefined);
  return (pathname) => {
    // The data of a page alone, for who goes to it within the app.
    const page = pathname.replace(/(?:\/_root|\/_)?\.data$/, "") || "/";
    const segments = matchRoutes(tree, page)?.flatMap(({ route }) => (route.path === undefined || route.path === "" ? [] : [route.path]));
    return segments === undefined || segments.includes("*") ? undefined : `/${segments.join("/")}`;
  };
}
