import type { SystemUnitOfWork } from '../database/unit-of-work.js';
import type { Tx } from '../database/tx.js';
import type { Broker } from '../events/broker.js';
import { unavailable } from '../http/problem.js';
import { continueTrace, type Trace } from '../observability/trace.js';
import type { Fact } from './revision.js';

/** How often an answer may be overtaken by a snapshot before the owner counts as out of reach. */
const attempts = 3;

export interface OwnerQuestion<Answer> {
  /** `<owner>.ask.<what>`. */
  readonly subject: string;
  readonly body: object;
  /** Of whoever asks first. */
  readonly trace?: Trace | undefined;
  /** What the answer tells; nothing is kept of an answer without. */
  facts(answer: Answer): readonly (Fact | null)[];
  keep(tx: Tx, answer: Answer): void | Promise<void>;
}

/** Questions of one kind about one thing: the one under way, and the one that waits for its end. */
interface Line {
  readonly current: Promise<unknown>;
  next?: Promise<unknown>;
}

/**
 * Asks owners about what an event has not told yet, and keeps what they say. Who asks the same while a question is under
 * way shares the next one: the answer under way may have been read before what the asker is about was written.
 */
export class OwnerQuestions {
  private readonly lines = new Map<string, Line>();

  constructor(
    private readonly broker: Broker,
    private readonly system: SystemUnitOfWork,
  ) {}

  /** Raises 503 when the owner is out of reach, or what the owner raised. */
  ask<Answer>(question: OwnerQuestion<Answer>): Promise<Answer> {
    const key = `${question.subject} ${JSON.stringify(question.body)}`;
    const line = this.lines.get(key);
    if (!line) return this.begin(key, question);
    const put = (): Promise<Answer> => this.begin(key, question);
    line.next ??= line.current.then(put, put);
    return line.next as Promise<Answer>;
  }

  private begin<Answer>(key: string, question: OwnerQuestion<Answer>): Promise<Answer> {
    const current = this.put(question);
    const line: Line = { current };
    this.lines.set(key, line);
    const end = (): void => {
      if (this.lines.get(key) === line && !line.next) this.lines.delete(key);
    };
    current.then(end, end);
    return current;
  }

  private async put<Answer>(question: OwnerQuestion<Answer>): Promise<Answer> {
    const { subject, body, trace } = question;
    for (let attempt = 1; attempt <= attempts; attempt += 1) {
      const answer = await this.broker.ask<Answer>(subject, body, trace);
      const facts = question.facts(answer).filter((fact) => fact !== null);
      if (facts.length === 0) return answer;
      const isKept = await this.system.run({ trace: trace ?? continueTrace(undefined) }, async (tx) => {
        if (await isOvertaken(tx, subject.split('.')[0]!, facts)) return false;
        await question.keep(tx, answer);
        return true;
      });
      if (isKept) return answer;
    }
    throw unavailable(`The owner of '${subject}'`);
  }
}

/** Held shared while an answer is kept, and alone while a snapshot skips events. */
export const answersLock = (source: string): { text: string; values: unknown[] } => ({
  text: `hashtextextended('answers of ' || $1, 0)`,
  values: [source],
});

/**
 * True for an answer that was read before the point from which a snapshot begins: if its row has been deleted since, the
 * event that says so was skipped, and nothing would ever bury the row again.
 */
async function isOvertaken(tx: Tx, source: string, facts: readonly Fact[]): Promise<boolean> {
  const lock = answersLock(source);
  tx.execute(`SELECT pg_advisory_xact_lock_shared(${lock.text})`, lock.values);
  const [position] = await tx.query<{ epoch: number; sequence: number }>(
    `SELECT epoch, snapshot_sequence::float8 AS sequence FROM events.subscription WHERE source = $1`,
    [source],
  );
  if (!position) return false;
  return facts.some(
    ({ epoch, sequence }) => epoch < position.epoch || (epoch === position.epoch && sequence <= position.sequence),
  );
}
