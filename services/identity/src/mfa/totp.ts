import { Secret, TOTP } from 'otpauth';
import QRCode from 'qrcode';

/** Seconds of a step, and the digits of a code: what every authenticator takes for granted (RFC 6238). */
const period = 30;
const digits = 6;
/** Steps around the present one whose codes are accepted. */
const window = 1;

const options = { algorithm: 'SHA1', digits, period } as const;

/** A code as it is typed. */
export const codeFormat = /^\d{6}$/;

export const newTotpSecret = (): string => new Secret({ size: 20 }).base32;

/** The step of time that the code belongs to; null when it is wrong. */
export function stepOf(code: string, secret: string, now: Date): number | null {
  const timestamp = now.getTime();
  const distance = TOTP.validate({ token: code, secret: Secret.fromBase32(secret), ...options, timestamp, window });
  return distance === null ? null : TOTP.counter({ period, timestamp }) + distance;
}

/** What an authenticator reads, as a URI and as the picture of it. */
export async function provisioning(secret: string, issuer: string, label: string) {
  const uri = new TOTP({ ...options, secret, issuer, label }).toString();
  const svg = await QRCode.toString(uri, { type: 'svg', errorCorrectionLevel: 'M' });
  // The client makes a data URL of it, in which a # would begin the fragment.
  const picture = svg.trim().replaceAll('#ffffff', 'white').replaceAll('#000000', 'black');
  return { qr_code: picture, secret, uri };
}
