/** The package is a CommonJS module without types: its `default` is the path of the binary for this platform. */
declare module "workerd" {
  const workerd: { default: string; version: string };
  export default workerd;
}
