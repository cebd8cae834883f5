import { CircleCheck, TriangleAlert, X } from "lucide-react";
import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useState } from "react";

type Tone = "good" | "bad";
interface Toast {
  id: number;
  tone: Tone;
  sentence: string;
}

const ToastContext = createContext<(sentence: string, tone?: Tone) => void>(() => undefined);
/** Long enough to read a sentence twice. Failures stay until they are closed. */
const LIFETIME_MS = 8_000;

/** `toast("Copied")`, for what happens without leaving the page. After a form use `redirectWith` (flash.server.ts). */
export function useToast(): (sentence: string, tone?: Tone) => void {
  return useContext(ToastContext);
}

export function Toaster({ said, children }: { said: string | null; children: ReactNode }) {
  const [toasts, setToasts] = useState<readonly Toast[]>(said === null ? [] : [{ id: 0, tone: "good", sentence: said }]);
  const close = useCallback((id: number) => setToasts((shown) => shown.filter((toast) => toast.id !== id)), []);
  const show = useCallback((sentence: string, tone: Tone = "good") => {
    setToasts((shown) => [...shown.slice(-2), { id: (shown.at(-1)?.id ?? 0) + 1, tone, sentence }]);
  }, []);
  const [lastSaid, setLastSaid] = useState(said);
  if (said !== lastSaid) {
    setLastSaid(said);
    if (said !== null) show(said);
  }
  const value = useMemo(() => show, [show]);
  return (
    <ToastContext value={value}>
      {children}
      <div aria-live="polite" className="pointer-events-none fixed inset-x-3 bottom-3 z-50 flex flex-col items-center gap-2 sm:items-end">
        {toasts.map((toast) => (
          <ToastCard key={toast.id} toast={toast} onClose={close} />
        ))}
      </div>
    </ToastContext>
  );
}

function ToastCard({ toast: { id, tone, sentence }, onClose }: { toast: Toast; onClose: (id: number) => void }) {
  useEffect(() => {
    if (tone === "bad") return undefined;
    const timer = setTimeout(onClose, LIFETIME_MS, id);
    return () => clearTimeout(timer);
  }, [id, tone, onClose]);
  const Icon = tone === "good" ? CircleCheck : TriangleAlert;
  return (
    <div className="pointer-events-auto flex w-full max-w-sm items-start gap-3 rounded-lg border border-line bg-raised px-4 py-3 shadow-lg">
      <Icon aria-hidden className={tone === "good" ? "mt-0.5 size-4 shrink-0 text-good" : "mt-0.5 size-4 shrink-0 text-bad"} />
      <p className="flex-1">{sentence}</p>
      <button type="button" aria-label="Close" className="-m-1 rounded p-1 text-muted hover:bg-hover" onClick={() => onClose(id)}>
        <X aria-hidden className="size-4" />
      </button>
    </div>
  );
}
