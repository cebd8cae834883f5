import { Outlet } from "react-router";
import { PageProblem } from "./page-problem.tsx";

/** What a page could not show stands where the page would be, with everything around it in place. */
export default function Boundary() {
  return <Outlet />;
}

export function ErrorBoundary() {
  return <PageProblem />;
}
