import { AuditEntry } from '../audit/audit-entry.entity.js';
import { AuditOrigin } from '../audit/audit-origin.entity.js';
import { SigningKey } from '../auth/signing-key.entity.js';
import { Invitation } from '../invitations/invitation.entity.js';
import { LlmApiKey } from '../llm-api-keys/llm-api-key.entity.js';
import { Organization } from '../organizations/organization.entity.js';
import { Preference } from '../preferences/preference.entity.js';
import { Profile } from '../profiles/profile.entity.js';
import { RefreshToken } from '../sessions/refresh-token.entity.js';
import { Session } from '../sessions/session.entity.js';
import { User } from '../users/user.entity.js';

/** Every table of this service. */
export const entities = [
  Organization,
  User,
  Profile,
  Preference,
  LlmApiKey,
  Session,
  RefreshToken,
  SigningKey,
  Invitation,
  AuditEntry,
  AuditOrigin,
];
