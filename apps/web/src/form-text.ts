/** Text of a form's field, trimmed; undefined when it is empty, so that the API applies its default. */
export function textOf(form: FormData, name: string): string | undefined {
  const value = form.get(name);
  const text = typeof value === "string" ? value.trim() : "";
  return text === "" ? undefined : text;
}
