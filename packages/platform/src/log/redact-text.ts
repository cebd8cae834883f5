import { hasKnownShape, replaceKnownShapes } from "./known-shapes.ts";
import { formsOfValue, MIN_VALUE_LENGTH } from "./value-forms.ts";
import { ValueMatcher } from "./value-matcher.ts";

/** How often each value is registered, so that two owners of one value do not unregister it for each other. */
const registrations = new Map<string, number>();
let registered: ValueMatcher | undefined = new ValueMatcher([]);

/**
 * From now on no log line of this process shows the value, in whatever spelling.
 * Values of fewer than 6 characters are ignored: they would match by chance.
 */
export function registerSecretValue(value: string): void {
  if (value.length < MIN_VALUE_LENGTH) return;
  const count = registrations.get(value) ?? 0;
  registrations.set(value, count + 1);
  if (count === 0) registered = undefined;
}

/** Ends one registration of the value. */
export function unregisterSecretValue(value: string): void {
  const count = registrations.get(value);
  if (count === undefined) return;
  if (count > 1) {
    registrations.set(value, count - 1);
    return;
  }
  registrations.delete(value);
  registered = undefined;
}

/** Rebuilt when next needed, so that registering many values costs once. */
function registeredValues(): ValueMatcher {
  return (registered ??= matcherOf(registrations.keys()));
}

function matcherOf(values: Iterable<string>): ValueMatcher {
  return new ValueMatcher(Array.from(values, (value) => [...formsOfValue(value)]).flat());
}

/** A filter for the texts of one owner: what `redactText` removes, and these values. Build it once per set of values. */
export function createTextFilter(values: Iterable<string>): (text: string) => string {
  const own = matcherOf(values);
  return (text) => replaceKnownShapes(own.replace(registeredValues().replace(text)));
}

/**
 * The text with `[redacted]` in place of everything that looks like a secret, of every registered value, and of the
 * extra ones. Where many texts share their extra values, `createTextFilter` is much faster.
 */
export function redactText(text: string, extraValues?: Iterable<string>): string {
  if (extraValues !== undefined) return createTextFilter(extraValues)(text);
  return replaceKnownShapes(registeredValues().replace(text));
}

/** Whether `redactText` would change the text. */
export function hasSecret(text: string): boolean {
  return hasKnownShape(text) || registeredValues().test(text);
}
