import { type ReactNode, useId } from "react";

/** A button that opens a small panel with links and forms (the browser's popover: Escape and a click beside it close it). */
export function Menu({ label, button, children }: { label: string; button: ReactNode; children: ReactNode }) {
  const id = `menu-${useId()}`;
  return (
    <div>
      <button
        type="button"
        popoverTarget={id}
        aria-label={label}
        className="flex min-h-9 items-center gap-2 rounded-md px-2 hover:bg-hover"
      >
        {button}
      </button>
      <div
        id={id}
        popover="auto"
        className="fixed inset-auto top-13 right-3 m-0 w-64 rounded-lg border border-line bg-raised p-2 text-text shadow-xl"
      >
        {children}
      </div>
    </div>
  );
}
