import type { RpcFailure } from "../json-rpc.ts";
import { rpcFailure } from "../json-rpc.ts";

/** A2A 1.0, "Error Code Mappings"; 0.3 has the same. */
export const a2aErrors = {
  taskNotFound: (): RpcFailure => rpcFailure({ code: -32001, message: "Task not found." }, 200, "NOT_FOUND"),
  taskNotCancelable: (): RpcFailure => rpcFailure({ code: -32002, message: "The task has ended." }, 200, "CONFLICT"),
  noPushNotifications: (): RpcFailure => rpcFailure({ code: -32003, message: "There are no push notifications." }, 200),
  unsupported: (message: string): RpcFailure => rpcFailure({ code: -32004, message }, 200),
  textOnly: (): RpcFailure => rpcFailure({ code: -32005, message: "Agents take and give text alone." }, 200),
  noExtendedCard: (): RpcFailure => rpcFailure({ code: -32007, message: "The card says all there is." }, 200),
  unknownVersion: (): RpcFailure => rpcFailure({ code: -32009, message: "The versions here are 1.0 and 0.3." }, 200),
};
