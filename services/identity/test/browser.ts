interface Cookie {
  readonly name: string;
  readonly value: string;
  readonly path: string;
}

/** A page with a form, or the address that left what the browser may visit. */
export interface Page {
  readonly url: URL;
  readonly status: number;
  readonly html: string;
}

/** As much of a browser as a sign-in at a provider takes: cookies per host and path, redirects, and forms. */
export class Browser {
  /** @param places where a host is really found; a redirect to one that is neither here nor local is not followed */
  constructor(
    private readonly places: Readonly<Record<string, string>>,
    private readonly jars = new Map<string, Cookie[]>(),
  ) {}

  /** The same browser, which visits other places. */
  within(places: Readonly<Record<string, string>>): Browser {
    return new Browser(places, this.jars);
  }

  cookiesOf(host: string): readonly Cookie[] {
    return this.jars.get(host) ?? [];
  }

  /** Follows redirects to a page, or to an address outside. */
  async open(address: string, form?: URLSearchParams): Promise<Page> {
    let url = new URL(address);
    let body = form;
    for (let hops = 0; hops < 20; hops += 1) {
      const place = this.places[url.host] ?? (url.hostname === '127.0.0.1' ? url.origin : undefined);
      if (place === undefined) return { url, status: 0, html: '' };
      const response = await fetch(place + url.pathname + url.search, {
        method: body ? 'POST' : 'GET',
        redirect: 'manual',
        headers: { cookie: this.cookieHeader(url) },
        ...(body && { body }),
      });
      this.keep(url, response.headers.getSetCookie());
      const html = await response.text();
      const location = response.headers.get('location');
      if (location === null) return { url, status: response.status, html };
      url = new URL(location, url);
      body = undefined;
    }
    throw new Error('too many redirects');
  }

  /** Sends the form of a page, filled in. */
  submit({ url, html }: Page, fields: Readonly<Record<string, string>>): Promise<Page> {
    const action = /<form[^>]* action="([^"]+)"/.exec(html)![1]!;
    const hidden = [...html.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g)];
    const form = new URLSearchParams(hidden.map(([, name, value]): [string, string] => [name!, value!]));
    for (const [name, value] of Object.entries(fields)) form.set(name, value);
    return this.open(new URL(action, url).href, form);
  }

  /** Signs in at a provider and agrees to what it asks; ends where the provider sends the browser in the end. */
  async signIn(address: string, login: string): Promise<URL> {
    let page = await this.open(address);
    for (let steps = 0; page.status === 200 && steps < 5; steps += 1) {
      page = await this.submit(page, page.html.includes('name="login"') ? { login, password: 'any' } : {});
    }
    return page.url;
  }

  private cookieHeader({ host, pathname }: URL): string {
    const sent = this.cookiesOf(host).filter(
      ({ path }) => pathname === path || pathname.startsWith(path.replace(/\/?$/, '/')),
    );
    return sent.map(({ name, value }) => `${name}=${value}`).join('; ');
  }

  private keep({ host, pathname }: URL, set: readonly string[]): void {
    for (const line of set) {
      const [pair, ...attributes] = line.split(/; */);
      const [name, value] = [pair!.slice(0, pair!.indexOf('=')), pair!.slice(pair!.indexOf('=') + 1)];
      const attribute = (wanted: string): string | undefined =>
        attributes.find((one) => one.toLowerCase().startsWith(`${wanted}=`))?.split('=')[1];
      const path = attribute('path') ?? pathname;
      const expires = attribute('expires');
      const others = this.cookiesOf(host).filter((cookie) => cookie.name !== name || cookie.path !== path);
      const isGone = attribute('max-age') === '0' || (expires !== undefined && Date.parse(expires) < Date.now());
      this.jars.set(host, isGone ? others : [...others, { name, value, path }]);
    }
  }
}
