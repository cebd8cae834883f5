/** The console's navigation: an entry for every page that exists. */
import { Bot, type LucideIcon } from "lucide-react";
import { paths } from "./paths.ts";

export interface NavigationEntry {
  label: string;
  to: string;
  icon: LucideIcon;
}

export const navigation: readonly NavigationEntry[] = [
  { label: "Agents", to: paths.agents(), icon: Bot },
  // Usage
  // Installs
  // API tokens
  // Audit log
  // Plan
  // Marketplace
];
