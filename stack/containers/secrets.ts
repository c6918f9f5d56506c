import { type ServiceName, serviceNames } from '#common/contracts/topology';
import { type LoginRole, loginRoles, randomPassword } from '../databases.js';
import { newMasterKey } from '../master-key-source.js';
import { type NatsUser, natsUsers } from '../nats-config.js';

/** The variable with the password of a service's role in its database. */
export const databasePasswordOf = (service: ServiceName, role: LoginRole): string =>
  `${service}_${role}_password`.toUpperCase();

/** The variable with the password of a user of NATS. */
export const natsPasswordOf = (user: NatsUser): string => `${user}_nats_password`.toUpperCase();

/** Every secret of a deployment in containers, made anew: the names are those that docker-compose.yml asks for. */
export function newSecrets(): Record<string, string> {
  const roles = serviceNames.flatMap((service) => loginRoles.map((role) => databasePasswordOf(service, role)));
  return {
    CLARITY_ADMIN_PASSWORD: randomPassword(),
    CLARITY_SECRETS_KEY: newMasterKey('k1'),
    POSTGRES_PASSWORD: randomPassword(),
    ...Object.fromEntries(roles.map((name) => [name, randomPassword()])),
    // The server reads what begins with a digit as a number.
    ...Object.fromEntries(natsUsers.map((user) => [natsPasswordOf(user), `p${randomPassword()}`])),
  };
}
