import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { AccessAnswer } from '#common/auth/index';
import { Offers } from '#common/copies/index';
import { SystemUnitOfWork } from '#common/database/index';
import { Broker } from '#common/events/index';
import type { Trace } from '#common/observability/index';
import { offeredThings } from './offered-things.js';
import { uuidOf } from './question-fields.js';

interface OrganizationAnswer {
  readonly organization: {
    readonly organizationId: string;
    readonly name: string;
    readonly isOperator: boolean;
    readonly epoch: number;
    readonly version: number;
    readonly sequence: number;
  } | null;
}

const accessText = `
  SELECT
    (SELECT json_build_object('userId', u.id, 'email', u.email, 'emailConfirmed', u.email_confirmed_at IS NOT NULL,
        'deleted', false, 'epoch', h.epoch, 'version', u.version,
        'sequence', h.next_sequence) FROM users AS u WHERE u.id = $1) AS "user",
    (SELECT json_build_object('profileId', p.id, 'organizationId', p.organization_id, 'userId', p.user_id, 'role', p.role,
        'changedAt', app.iso(coalesce(p.updated_at, 'epoch')), 'deleted', false, 'epoch', h.epoch, 'version', p.version,
        'sequence', h.next_sequence)
      FROM user_profile AS p WHERE p.user_id = $1) AS profile
  FROM events.head AS h`;

const organizationText = `
  SELECT (SELECT json_build_object('organizationId', o.id, 'name', o.name, 'isOperator', o.is_operator,
      'epoch', h.epoch, 'version', o.version, 'sequence', h.next_sequence) FROM organizations AS o WHERE o.id = $1) AS organization
  FROM events.head AS h`;

/** Answers services that ask about something whose event may still be on its way to them. */
@Injectable()
export class OwnerAnswers implements OnModuleInit {
  constructor(
    private readonly broker: Broker,
    private readonly system: SystemUnitOfWork,
    private readonly offers: Offers,
  ) {}

  onModuleInit(): void {
    this.offers.offer(...offeredThings);
    this.broker.answer('identity.ask.access', (question, trace) => this.access(question, trace));
    this.broker.answer('identity.ask.organization', (question, trace) => this.organization(question, trace));
  }

  private async access(question: unknown, trace?: Trace): Promise<AccessAnswer> {
    const values = [uuidOf(question, 'userId')];
    const [answer] = await this.system.read<Record<string, never>>({ text: accessText, values }, trace);
    return answer as unknown as AccessAnswer;
  }

  private async organization(question: unknown, trace?: Trace): Promise<OrganizationAnswer> {
    const values = [uuidOf(question, 'organizationId')];
    const [answer] = await this.system.read<Record<string, never>>({ text: organizationText, values }, trace);
    return answer as unknown as OrganizationAnswer;
  }
}
