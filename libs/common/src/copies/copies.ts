import type { ServiceName } from '../contracts/topology.js';
import type { Tx } from '../database/tx.js';
import type { Copy } from './copy.js';

/** Effects beyond a copy that events should have had, and a snapshot does not bring. */
export interface MissedEffect {
  readonly source: ServiceName;
  /** For the log. */
  readonly name: string;
  /** Says that something is done with: comes last, once all other effects are made good. */
  readonly concludes?: boolean;
  /** Makes good a bounded number of them and returns how many; 0 when there is nothing left. Called until then. */
  heal(tx: Tx): Promise<number>;
}

/** References to things that nothing was ever heard of: reported, never removed. */
export interface UnheardReferences {
  readonly source: ServiceName;
  readonly name: string;
  count(tx: Tx): Promise<number>;
}

/** Everything that this service keeps, or owes, because of another service's rows. Declared while the service starts. */
export class Copies {
  private readonly copies: Copy[] = [];
  private readonly effects: MissedEffect[] = [];
  private readonly references: UnheardReferences[] = [];

  add(...copies: readonly Copy[]): void {
    this.copies.push(...copies);
  }

  addEffects(...effects: readonly MissedEffect[]): void {
    this.effects.push(...effects);
  }

  addReferences(...references: readonly UnheardReferences[]): void {
    this.references.push(...references);
  }

  of(source: ServiceName): readonly Copy[] {
    return this.copies.filter((copy) => copy.source === source);
  }

  /** In the order in which they are to be made good. */
  effectsOf(source: ServiceName): readonly MissedEffect[] {
    const effects = this.effects.filter((effect) => effect.source === source);
    return effects.sort((a, b) => Number(a.concludes ?? false) - Number(b.concludes ?? false));
  }

  referencesTo(source: ServiceName): readonly UnheardReferences[] {
    return this.references.filter((reference) => reference.source === source);
  }
}
