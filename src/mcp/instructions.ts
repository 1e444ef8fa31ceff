import { useOfFamily } from '../tools/families.ts';

/** For every tool, whatever its family. */
const COMMON =
  'Expected outcomes are in `status`. An error says what to send instead; on rate_limited wait retry_after_ms, then repeat.';

/**
 * What the server tells a model about itself, for the families whose tools it lists.
 * @param families in the order in which they are listed
 */
export function instructionsFor(families: readonly string[]): string {
  const uses = families.flatMap((family) => {
    const use = useOfFamily(family);
    return use === undefined ? [] : [`${family}_*: ${use}`];
  });
  return [...uses, COMMON].join('\n');
}
