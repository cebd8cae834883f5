/** Stands where content will be, of about its size. */
export function Skeleton({ lines = 3 }: { lines?: number }) {
  return (
    <div aria-hidden className="flex animate-pulse flex-col gap-3">
      {Array.from({ length: lines }, (_, line) => (
        <div key={line} className="h-4 rounded bg-hover last:w-2/3" />
      ))}
    </div>
  );
}
