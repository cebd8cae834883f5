/** What the stores on Amazon's APIs, or on others that speak them, have in common. */
export { type AwsFailure, describeAwsError } from "./describe-error.ts";
export { type EndpointOptions, readEndpointOptions } from "./endpoint-options.ts";

/** For the SDK's request handler, in milliseconds; its own are none. */
export interface AwsTimeouts {
  connectionTimeout: number;
  /** From the first byte sent to the head of the answer. */
  requestTimeout: number;
  /** Without a byte in either direction. */
  socketTimeout: number;
}
