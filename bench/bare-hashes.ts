import { hash, verify } from '@node-rs/argon2';

/** The limit of a sign-in: comparisons with a hash and nothing else, as many at once and for as long as a message says. */
const stored = await hash('correct horse battery', { memoryCost: 19_456, timeCost: 2, parallelism: 1 });

process.on('message', ({ atOnce, milliseconds }: { atOnce: number; milliseconds: number }) => {
  void compare(atOnce, milliseconds).then((made) => process.send!(made));
});
process.send!('ready');

async function compare(atOnce: number, milliseconds: number): Promise<{ made: number; elapsed: number }> {
  const begun = performance.now();
  let made = 0;
  const one = async (): Promise<void> => {
    while (performance.now() - begun < milliseconds) {
      if (!(await verify(stored, 'correct horse battery'))) throw new Error('the hash does not match');
      made += 1;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, one));
  return { made, elapsed: performance.now() - begun };
}
