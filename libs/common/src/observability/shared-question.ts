/** Milliseconds that the database has to answer; whoever asks for readiness or metrics waits 2 s. */
const answerWithin = 1_200;

/** A question that is never under way twice, however many put it; it raises when there is no answer in time. */
export function sharedQuestion<Answer>(put: () => Promise<Answer>): () => Promise<Answer> {
  let underWay: Promise<Answer> | undefined;
  return () => {
    underWay ??= put().finally(() => (underWay = undefined));
    let timer: NodeJS.Timeout | undefined;
    const tooLate = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error('the database did not answer')), answerWithin);
    });
    return Promise.race([underWay, tooLate]).finally(() => clearTimeout(timer));
  };
}
