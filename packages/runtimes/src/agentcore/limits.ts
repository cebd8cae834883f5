/** What AgentCore's service model allows; checked before anything is asked of it. */
export const agentcoreLimits = {
  variables: 50,
  /** Characters of a value. */
  variableValue: 5000,
  /** Characters of a name, without the prefix that we put before it. */
  variableName: 92,
  vCpu: 2,
  memoryMb: 8192,
} as const;

/** What is wrong with an agent's variables for this runtime, by name; empty when nothing is. */
export function variableProblems(variables: Readonly<Record<string, string>>): { key: string; message: string }[] {
  const problems = Object.entries(variables).flatMap(([key, value]) => {
    if (key.length > agentcoreLimits.variableName)
      return [{ key, message: `must have a name of at most ${agentcoreLimits.variableName} characters on the agentcore runtime` }];
    if (value.length > agentcoreLimits.variableValue)
      return [{ key, message: `must be at most ${agentcoreLimits.variableValue} characters on the agentcore runtime` }];
    return [];
  });
  const count = Object.keys(variables).length;
  const last = Object.keys(variables).at(-1);
  if (count > agentcoreLimits.variables && last !== undefined)
    problems.push({
      key: last,
      message: `is one too many: the agentcore runtime takes ${agentcoreLimits.variables} secrets, not ${count}`,
    });
  return problems;
}
