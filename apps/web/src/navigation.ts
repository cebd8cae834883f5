/** The console's navigation: an entry for every page that exists. */
import { Bot, ChartColumn, CreditCard, Download, KeyRound, type LucideIcon, Megaphone, ScrollText, Store } from "lucide-react";
import { paths } from "./paths.ts";

export interface NavigationEntry {
  label: string;
  to: string;
  icon: LucideIcon;
  /** Left out where the installation has no marketplace. */
  of?: "marketplace";
}

export const navigation: readonly NavigationEntry[] = [
  { label: "Agents", to: paths.agents(), icon: Bot },
  // Usage
  { label: "Usage", to: paths.usage(), icon: ChartColumn },
  { label: "Installs", to: paths.installs(), icon: Download, of: "marketplace" },
  // API tokens
  { label: "API tokens", to: paths.tokens(), icon: KeyRound },
  // Audit log
  { label: "Audit log", to: paths.audit(), icon: ScrollText },
  // Plan
  { label: "Plan", to: paths.plan(), icon: CreditCard },
  { label: "Marketplace", to: paths.marketplace(), icon: Store, of: "marketplace" },
  { label: "Publishing", to: paths.publisher(), icon: Megaphone, of: "marketplace" },
];
