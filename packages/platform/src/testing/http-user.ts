/** How tests of a server talk to it: over HTTP alone, as somebody. */
export interface Answer<Body = Record<string, never>> {
  status: number;
  headers: Headers;
  text: string;
  /** Parsed JSON; empty without a body. */
  body: Body;
}

export type Request = <Body = Record<string, never>>(
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
) => Promise<Answer<Body>>;

/** @param headersOf those that go with each request of a method; headers of the call itself win. */
export function requester(url: string, headersOf: (method: string) => Record<string, string>): Request {
  return async (method, target, body, headers = {}) => {
    const sent = { ...headersOf(method), ...headers };
    const init: RequestInit = { method, headers: sent };
    if (body instanceof Uint8Array || typeof body === "string") init.body = body as string;
    else if (body !== undefined) {
      init.body = JSON.stringify(body);
      init.headers = { "content-type": "application/json", ...sent };
    }
    const response = await fetch(url + target, init);
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, body: text.startsWith("{") ? JSON.parse(text) : {} };
  };
}

export function bearer(token: string | undefined): Record<string, string> {
  return token === undefined ? {} : { authorization: `Bearer ${token}` };
}
