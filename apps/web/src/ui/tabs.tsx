import { type KeyboardEvent, type ReactNode, useId, useState } from "react";
import { NavLink } from "react-router";
import { classNames } from "./class-names.ts";

const TAB = "-mb-px border-b-2 px-3 py-2 font-medium whitespace-nowrap";
const CURRENT = "border-accent text-text";
const OTHER = "border-transparent text-muted hover:text-text";

/** Tabs that are pages of their own. */
export function TabLinks({ label, tabs }: { label: string; tabs: readonly { label: string; to: string }[] }) {
  return (
    <nav aria-label={label} className="mb-6 flex gap-1 overflow-x-auto border-b border-line">
      {tabs.map((tab) => (
        // A tab is current on the pages beneath it too, unless those are tabs of their own.
        <NavLink
          key={tab.to}
          to={tab.to}
          end={tabs.some((other) => other.to.startsWith(`${tab.to}/`))}
          className={({ isActive }) => classNames(TAB, isActive ? CURRENT : OTHER)}
        >
          {tab.label}
        </NavLink>
      ))}
    </nav>
  );
}

/** Tabs within a page, by the ARIA pattern: arrows move, only the current one is in the tab order. */
export function Tabs({ label, tabs }: { label: string; tabs: readonly { key: string; label: string; content: ReactNode }[] }) {
  const id = useId();
  const [current, setCurrent] = useState(0);
  const onKeyDown = (event: KeyboardEvent<HTMLDivElement>): void => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const next = step === undefined ? { Home: 0, End: tabs.length - 1 }[event.key] : (current + step + tabs.length) % tabs.length;
    if (next === undefined) return;
    event.preventDefault();
    setCurrent(next);
    event.currentTarget.querySelectorAll<HTMLElement>('[role="tab"]')[next]?.focus();
  };
  return (
    <div>
      <div
        role="tablist"
        aria-label={label}
        tabIndex={-1}
        className="flex gap-1 overflow-x-auto border-b border-line"
        onKeyDown={onKeyDown}
      >
        {tabs.map((tab, index) => (
          <button
            key={tab.key}
            type="button"
            role="tab"
            id={`${id}-${tab.key}`}
            aria-selected={index === current}
            aria-controls={`${id}-${tab.key}-panel`}
            tabIndex={index === current ? 0 : -1}
            className={classNames(TAB, index === current ? CURRENT : OTHER)}
            onClick={() => setCurrent(index)}
          >
            {tab.label}
          </button>
        ))}
      </div>
      {tabs.map((tab, index) => (
        <div
          key={tab.key}
          role="tabpanel"
          id={`${id}-${tab.key}-panel`}
          aria-labelledby={`${id}-${tab.key}`}
          hidden={index !== current}
          className="pt-3"
        >
          {tab.content}
        </div>
      ))}
    </div>
  );
}
