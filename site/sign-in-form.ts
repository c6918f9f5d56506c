import type { Html } from './html.js';

/** Asks for what gets a token; `assets/reference.js` does the rest. */
export const signInForm: Html = `<form id="sign-in" hidden>
<span role="status"></span>
<input name="email" type="email" aria-label="E-mail" placeholder="E-mail" autocomplete="username" required>
<input name="password" type="password" aria-label="Password" placeholder="Password" autocomplete="current-password" required>
<button>Sign in</button>
</form>`;
