import type { Answer, HttpClient } from '#common/testing/index';

export interface Person {
  readonly http: HttpClient;
  readonly email: string;
}

export interface Member extends Person {
  readonly organizationId: string;
  readonly profileId: string;
}

const password = 'correct horse battery';

/** The body of an answer with this status; raises for any other. */
export async function expected(status: number, answer: Promise<Answer>): Promise<Answer['body']> {
  const { status: actual, body } = await answer;
  if (actual !== status) throw new Error(`${actual} instead of ${status}: ${JSON.stringify(body)}`);
  return body;
}

/** Makes people and organizations through the gateway. */
export class People {
  private count = 0;

  constructor(
    private readonly gateway: HttpClient,
    readonly admin: Member,
  ) {}

  static async of(gateway: HttpClient, credentials: { email: string; password: string }): Promise<People> {
    const session = await expected(200, gateway.post('/auth/v1/token?grant_type=password', credentials));
    const http = gateway.as(session.access_token);
    const { profile } = await expected(200, http.get('/v1/me'));
    const admin = { http, email: credentials.email, organizationId: profile.organizationId, profileId: profile.id };
    return new People(gateway, admin);
  }

  async signUp(): Promise<Person> {
    const email = `membership-${process.pid}-${(this.count += 1)}@example.com`;
    const session = await expected(200, this.gateway.post('/auth/v1/signup', { email, password }));
    return { http: this.gateway.as(session.access_token), email };
  }

  async owner(): Promise<Member> {
    const person = await this.signUp();
    const { id: organizationId } = await expected(201, person.http.post('/v1/organizations', { name: 'Membership' }));
    const { profile } = await expected(200, person.http.get('/v1/me'));
    return { ...person, organizationId, profileId: profile.id };
  }

  /** Somebody who is invited, and what accepts the invitation. */
  async invite(inviter: Member, role: string): Promise<{ invited: Member; accept: () => Promise<Answer> }> {
    const person = await this.signUp();
    const { organizationId } = inviter;
    const body = { email: person.email, role };
    const profile = await expected(201, inviter.http.post(`/v1/organizations/${organizationId}/profiles`, body));
    const accept = (): Promise<Answer> =>
      person.http.post('/v1/invitations/accept', { token: profile.invitationToken });
    return { invited: { ...person, organizationId, profileId: profile.id }, accept };
  }

  async member(inviter: Member, role: string): Promise<Member> {
    const { invited, accept } = await this.invite(inviter, role);
    await expected(200, accept());
    return invited;
  }
}

export const profilePath = ({ organizationId, profileId }: Member): string =>
  `/v1/organizations/${organizationId}/profiles/${profileId}`;
