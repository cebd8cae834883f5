import { type ComponentProps, type ReactNode, useId } from "react";
import { classNames } from "./class-names.ts";

interface FieldFrame {
  label: string;
  /** The field's name in the request of the API, under which its error comes back. */
  name: string;
  hint?: ReactNode;
  error?: string | undefined;
}

const CONTROL =
  "w-full rounded-md border bg-surface px-3 py-1.5 min-h-9 text-text placeholder:text-muted disabled:cursor-not-allowed disabled:opacity-60";

function useField({ hint, error }: Pick<FieldFrame, "hint" | "error">) {
  const id = useId();
  const described = [hint === undefined ? "" : `${id}-hint`, error === undefined ? "" : `${id}-error`].filter((part) => part !== "");
  return {
    id,
    control: {
      id,
      "aria-invalid": error === undefined ? undefined : true,
      "aria-describedby": described.length === 0 ? undefined : described.join(" "),
    },
    border: error === undefined ? "border-line-strong" : "border-bad",
  };
}

function Frame({ id, label, hint, error, children }: Omit<FieldFrame, "name"> & { id: string; children: ReactNode }) {
  return (
    <div className="flex flex-col gap-1">
      <label htmlFor={id} className="font-medium">
        {label}
      </label>
      {hint !== undefined && (
        <p id={`${id}-hint`} className="text-sm text-muted">
          {hint}
        </p>
      )}
      {children}
      {error !== undefined && (
        <p id={`${id}-error`} className="text-sm text-bad">
          {error}
        </p>
      )}
    </div>
  );
}

export function TextField({ label, hint, error, className, ...input }: FieldFrame & Omit<ComponentProps<"input">, "name" | "id">) {
  const { id, control, border } = useField({ hint, error });
  return (
    <Frame id={id} label={label} hint={hint} error={error}>
      <input type="text" {...input} {...control} className={classNames(CONTROL, border, className)} />
    </Frame>
  );
}

export function TextArea({ label, hint, error, className, ...input }: FieldFrame & Omit<ComponentProps<"textarea">, "name" | "id">) {
  const { id, control, border } = useField({ hint, error });
  return (
    <Frame id={id} label={label} hint={hint} error={error}>
      <textarea rows={4} {...input} {...control} className={classNames(CONTROL, border, className)} />
    </Frame>
  );
}

export function SelectField({
  label,
  hint,
  error,
  options,
  className,
  ...select
}: FieldFrame & Omit<ComponentProps<"select">, "name" | "id"> & { options: readonly { value: string; label: string }[] }) {
  const { id, control, border } = useField({ hint, error });
  return (
    <Frame id={id} label={label} hint={hint} error={error}>
      <select {...select} {...control} className={classNames(CONTROL, border, className)}>
        {options.map((option) => (
          <option key={option.value} value={option.value}>
            {option.label}
          </option>
        ))}
      </select>
    </Frame>
  );
}

export interface Choice {
  value: string;
  label: string;
  description: string;
  /** Why it cannot be chosen; it stays visible. */
  unavailable?: ReactNode;
}

/** A few choices, each with its explanation. */
export function ChoiceField({
  label,
  name,
  choices,
  defaultValue,
  error,
}: FieldFrame & { choices: readonly Choice[]; defaultValue: string }) {
  const id = useId();
  return (
    <fieldset className="flex flex-col gap-2" aria-describedby={error === undefined ? undefined : `${id}-error`}>
      <legend className="mb-1 font-medium">{label}</legend>
      {choices.map(({ value, label: name_, description, unavailable }) => (
        <div
          key={value}
          className="rounded-md border border-line-strong bg-surface p-3 has-checked:border-accent has-checked:bg-accent-soft"
        >
          <div className="flex items-start gap-3">
            <input
              type="radio"
              id={`${id}-${value}`}
              name={name}
              value={value}
              defaultChecked={value === defaultValue}
              disabled={unavailable !== undefined}
              aria-describedby={`${id}-${value}-about`}
              className="mt-1 size-4 accent-accent"
            />
            <div>
              <label htmlFor={`${id}-${value}`} className="font-medium">
                {name_}
              </label>
              <div id={`${id}-${value}-about`} className="text-sm text-muted">
                <p>{description}</p>
                {unavailable !== undefined && <p className="mt-1 text-warn">{unavailable}</p>}
              </div>
            </div>
          </div>
        </div>
      ))}
      {error !== undefined && (
        <p id={`${id}-error`} className="text-sm text-bad">
          {error}
        </p>
      )}
    </fieldset>
  );
}

export interface ChecklistItem {
  value: string;
  label: string;
  description: string;
  checked: boolean;
}

/** Any number of things, each with its explanation. */
export function ChecklistField({ label, name, choices, error }: FieldFrame & { choices: readonly ChecklistItem[] }) {
  const id = useId();
  return (
    <fieldset aria-describedby={error === undefined ? undefined : `${id}-error`}>
      <legend className="mb-2 font-medium">{label}</legend>
      <div className="grid gap-x-6 gap-y-3 sm:grid-cols-2">
        {choices.map(({ value, label: name_, description, checked }) => (
          <div key={value} className="flex items-start gap-3">
            <input
              type="checkbox"
              id={`${id}-${value}`}
              name={name}
              value={value}
              defaultChecked={checked}
              aria-describedby={`${id}-${value}-about`}
              className="mt-1 size-4 accent-accent"
            />
            <div>
              <label htmlFor={`${id}-${value}`} className="font-medium">
                {name_}
              </label>
              <p id={`${id}-${value}-about`} className="text-sm text-muted">
                {description}
              </p>
            </div>
          </div>
        ))}
      </div>
      {error !== undefined && (
        <p id={`${id}-error`} className="mt-2 text-sm text-bad">
          {error}
        </p>
      )}
    </fieldset>
  );
}
