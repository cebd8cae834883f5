import type { ComponentProps, ReactNode } from "react";
import { Link, type LinkProps } from "react-router";
import { classNames } from "./class-names.ts";

type Look = "primary" | "secondary" | "quiet" | "danger";

const LOOKS: Readonly<Record<Look, string>> = {
  primary: "border-accent bg-accent text-on-accent hover:border-accent-hover hover:bg-accent-hover",
  secondary: "border-line-strong bg-surface text-text hover:bg-hover",
  quiet: "border-transparent text-text hover:bg-hover",
  danger: "border-bad bg-surface text-bad hover:bg-bad-soft",
};
const SHAPE =
  "inline-flex min-h-9 items-center justify-center gap-2 rounded-md border px-3 py-1.5 font-medium whitespace-nowrap transition-colors";

interface ButtonProps extends ComponentProps<"button"> {
  look?: Look;
  /** Something runs on behalf of this button: it cannot be pressed again, and says so. */
  pending?: boolean;
}

export function Button({ look = "secondary", pending = false, disabled, className, children, type = "button", ...rest }: ButtonProps) {
  return (
    <button
      {...rest}
      type={type}
      disabled={disabled === true || pending}
      aria-busy={pending || undefined}
      className={classNames(SHAPE, LOOKS[look], "disabled:cursor-not-allowed disabled:opacity-60", className)}
    >
      {pending && <Spinner />}
      {children}
    </button>
  );
}

/** A link that looks like a button, for going somewhere. */
export function ButtonLink({ look = "secondary", className, ...rest }: LinkProps & { look?: Look; children: ReactNode }) {
  return <Link {...rest} className={classNames(SHAPE, LOOKS[look], className)} />;
}

function Spinner() {
  return (
    <svg aria-hidden viewBox="0 0 16 16" className="size-4 animate-spin">
      <circle cx="8" cy="8" r="6" fill="none" stroke="currentColor" strokeWidth="2" strokeDasharray="26 12" />
    </svg>
  );
}
