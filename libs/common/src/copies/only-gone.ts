/**
 * Of things that a copy calls deleted, those that their owner says it does not have. For effects that destroy: a row buried
 * by mistake comes back with a later page, what was deleted because of it does not. Raises 503 when the owner is out of reach.
 */
export async function onlyGone(ids: readonly string[], isThere: (id: string) => Promise<boolean>): Promise<string[]> {
  const gone: string[] = [];
  for (const id of ids) if (!(await isThere(id))) gone.push(id);
  return gone;
}
