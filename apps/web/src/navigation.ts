/** The console's navigation: an entry for every page that exists. */
import { Bot, ChartColumn, CreditCard, KeyRound, type LucideIcon, ScrollText, Store } from "lucide-react";
import { paths } from "./paths.ts";

export interface NavigationEntry {
  label: string;
  to: string;
  icon: LucideIcon;
}

export const navigation: readonly NavigationEntry[] = [
  { label: "Agents", to: paths.agents(), icon: Bot },
  // Usage
  { label: "Usage", to: paths.usage(), icon: ChartColumn },
  // Installs
  // API tokens
  { label: "API tokens", to: paths.tokens(), icon: KeyRound },
  // Audit log
  { label: "Audit log", to: paths.audit(), icon: ScrollText },
  // Plan
  { label: "Plan", to: paths.plan(), icon: CreditCard },
  { label: "Marketplace", to: paths.marketplace(), icon: Store },
];
