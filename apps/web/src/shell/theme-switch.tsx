import { Form, useLocation } from "react-router";
import { paths } from "../paths.ts";
import { type Theme, usePreferences } from "../preferences.ts";
import { classNames } from "../ui/class-names.ts";

const THEMES: readonly { value: Theme; label: string }[] = [
  { value: "system", label: "System" },
  { value: "light", label: "Light" },
  { value: "dark", label: "Dark" },
];

/** A form, so that it works without script, and the server knows the theme before it renders the next page. */
export function ThemeSwitch() {
  const { theme } = usePreferences();
  const { pathname, search } = useLocation();
  return (
    <Form method="post" action={paths.preferences()} preventScrollReset>
      <input type="hidden" name="returnTo" value={`${pathname}${search}`} />
      <fieldset className="flex items-center gap-1">
        <legend className="sr-only">Theme</legend>
        {THEMES.map(({ value, label }) => (
          <button
            key={value}
            type="submit"
            name="theme"
            value={value}
            aria-pressed={theme === value}
            className={classNames(
              "rounded-md px-2 py-1 text-sm",
              theme === value ? "bg-accent-soft text-accent" : "text-muted hover:bg-hover",
            )}
          >
            {label}
          </button>
        ))}
      </fieldset>
    </Form>
  );
}
