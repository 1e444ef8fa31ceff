export { Tenant } from './tenant/object.ts';
export { Registry } from "./registry/object.ts";
export default { fetch: () => new Response("ok") };
