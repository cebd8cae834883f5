/** A connection that an agent may not make. The message is for the agent's author. */
export class EgressRefusal extends Error {
  override readonly name = "EgressRefusal";
}
