/** What the stores on Amazon's APIs, or on others that speak them, have in common. */
export { type AwsFailure, describeAwsError } from "./describe-error.ts";
export { type EndpointOptions, readEndpointOptions } from "./endpoint-options.ts";
