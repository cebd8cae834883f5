import { Link } from "react-router";

export function Brand({ to }: { to: string }) {
  return (
    <Link to={to} className="flex items-center gap-2 rounded-md px-1 font-semibold whitespace-nowrap">
      <img src="/favicon.svg" alt="" width={24} height={24} className="size-6" />
      WebHost Systems
    </Link>
  );
}
