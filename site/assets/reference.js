/* global Scalar */
// The API reference, and a sign-in whose token its requests carry. The token lives in this page only.

const form = document.querySelector('#sign-in');
const status = form.querySelector('[role=status]');
const button = form.querySelector('button');
const { email, password } = form.elements;

const read = async (path) => (await fetch(path)).json();

/** Examples of what may be left out: whoever tries a request would send them all, and find nothing. */
function withoutOptionalExamples(api) {
  const operations = Object.values(api.paths).flatMap((path) => Object.values(path));
  for (const parameter of operations.flatMap(({ parameters = [] }) => parameters)) {
    if (parameter.required) continue;
    delete parameter.example;
    delete parameter.schema?.examples;
  }
  return api;
}

const configurationOf = (content) => (token) => ({
  content,
  theme: 'default',
  withDefaultFonts: false,
  telemetry: false,
  hideClientButton: true,
  hideDarkModeToggle: true,
  agent: { disabled: true },
  mcp: { disabled: true },
  showDeveloperTools: 'never',
  documentDownloadType: 'none',
  defaultHttpClient: { targetKey: 'shell', clientKey: 'curl' },
  authentication: { preferredSecurityScheme: 'bearer', securitySchemes: { bearer: { token } } },
});

/** What to do with a new session, or none. */
function become(session, useToken) {
  useToken(session?.access_token ?? '');
  form.toggleAttribute('data-signed-in', session !== undefined);
  status.textContent = session ? `Signed in as ${email.value}` : '';
  button.textContent = session ? 'Sign out' : 'Sign in';
  clearTimeout(form.expiry);
  if (session) form.expiry = setTimeout(become, session.expires_in * 1_000, undefined, useToken);
}

async function signIn(useToken) {
  const answer = await fetch('/auth/v1/token?grant_type=password', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email: email.value, password: password.value }),
  });
  const body = await answer.json();
  if (answer.ok) become(body, useToken);
  else status.textContent = body.msg ?? body.detail;
}

async function begin() {
  const [api, account] = await Promise.all([read('/openapi.json'), read('/docs/account.json')]);
  const configuration = configurationOf(withoutOptionalExamples(api));
  const reference = Scalar.createApiReference('#reference', configuration(''));
  const useToken = (token) => reference.updateConfiguration(configuration(token));
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    button.disabled = true;
    if (form.hasAttribute('data-signed-in')) become(undefined, useToken);
    else await signIn(useToken).catch(() => (status.textContent = 'The gateway cannot be reached.'));
    button.disabled = false;
  });
  if (account) [email.value, password.value] = [account.email, account.password];
  form.hidden = false;
}

begin();
