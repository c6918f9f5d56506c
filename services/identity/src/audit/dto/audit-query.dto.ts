import { IsISO8601, IsRFC3339, Matches } from 'class-validator';
import { IsId, Optional, PageQuery } from '#common/http/index';

/** A moment: date, time and offset, on a day that exists. */
const Moment = (): PropertyDecorator => (target, property) => {
  Optional()(target, property);
  IsRFC3339({ message: '$property must be a date and time with an offset, such as 2030-01-31T12:00:00Z' })(
    target,
    property,
  );
  IsISO8601({ strict: true }, { message: '$property must be a day that exists' })(target, property);
};

export class AuditQuery extends PageQuery {
  @Optional()
  @IsId()
  actorId?: string;

  @Optional()
  @IsId()
  targetId?: string;

  /** A type such as `profile.updated`, or all that begin alike: `license.*`. */
  @Optional()
  @Matches(/^[a-z_]{1,40}\.([a-z_]{1,40}|\*)$/, { message: 'type must be a type, or the first word of some and .*' })
  type?: string;

  /** Inclusive. */
  @Moment()
  from?: string;

  /** Exclusive. */
  @Moment()
  to?: string;
}
