import { useNavigation } from "react-router";

/** Says that the next page is on its way. */
export function PendingBar() {
  const { state } = useNavigation();
  if (state === "idle") return null;
  return (
    <div role="progressbar" aria-label="Loading" className="fixed inset-x-0 top-0 z-50 h-0.5 overflow-hidden bg-accent-soft">
      <div className="animate-progress h-full w-1/3 bg-accent" />
    </div>
  );
}
