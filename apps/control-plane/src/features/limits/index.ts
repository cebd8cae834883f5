export { type Admission, createLimits, type Limits } from "./admission.ts";
export { createBudgets } from "./budgets.ts";
export { createPredictions } from "./predictions.ts";
export { createRates } from "./rates.ts";
export { recordPlans } from "./record-plans.ts";
export { reclaimLostLeases } from "./reclaim.ts";
export { settleReservations } from "./settle.ts";
export { readPending } from "./store.ts";
