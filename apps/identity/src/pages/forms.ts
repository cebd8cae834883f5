/** What the pages with passwords look like. */
import { html } from "@whs/platform/html";
import { field, layout } from "./layout.ts";

export interface CredentialsForm {
  /** Where to go after success; always a path of this server. */
  next: string;
  problem?: string | undefined;
  email?: string | undefined;
  name?: string | undefined;
}

export function signInPage({ next, problem, email }: CredentialsForm): string {
  return layout({
    title: "Sign in",
    problem,
    content: html`<form method="post" action="/sign-in">
        <input type="hidden" name="next" value="${next}" />
        ${field({ name: "email", label: "E-mail address", type: "email", autocomplete: "username", maxLength: 254, value: email })}
        ${field({ name: "password", label: "Password", type: "password", autocomplete: "current-password", maxLength: 128 })}
        <button type="submit">Sign in</button>
      </form>
      <p>No account yet? <a href="/sign-up?next=${encodeURIComponent(next)}">Sign up</a></p>`,
  });
}

export function signUpPage({ next, problem, email, name }: CredentialsForm): string {
  return layout({
    title: "Sign up",
    problem,
    content: html`<form method="post" action="/sign-up">
        <input type="hidden" name="next" value="${next}" />
        ${field({ name: "name", label: "Name", type: "text", autocomplete: "name", maxLength: 100, value: name })}
        ${field({ name: "email", label: "E-mail address", type: "email", autocomplete: "username", maxLength: 254, value: email })}
        ${field({ name: "password", label: "Password", type: "password", autocomplete: "new-password", hint: "At least 8 characters.", minLength: 8, maxLength: 128 })}
        <button type="submit">Sign up</button>
      </form>
      <p>Already have an account? <a href="/sign-in?next=${encodeURIComponent(next)}">Sign in</a></p>`,
  });
}

export function accountPage(user: { name: string; email: string }): string {
  return layout({
    title: "Signed in",
    content: html`<p>You are signed in as <strong>${user.name}</strong> (${user.email}).</p>
      <form method="post" action="/sign-out"><button class="secondary" type="submit">Sign out</button></form>`,
  });
}

export function enterCodePage(problem?: string): string {
  return layout({
    title: "Connect a device",
    problem,
    content: html`<form method="get" action="/device">
      ${field({ name: "user_code", label: "Code", type: "text", autocomplete: "off", hint: "Your terminal shows it, for example ABCD-2345.", maxLength: 20 })}
      <button type="submit">Continue</button>
    </form>`,
  });
}

export function approvePage(user: { email: string }, userCode: string): string {
  return layout({
    title: "Connect a device?",
    content: html`<p>
        A command line (<code>whs</code>) asks to act as <strong>${user.email}</strong>. Approve only if you started it and it shows this
        code:
      </p>
      <p class="code">${userCode}</p>
      <form method="post" action="/device">
        <input type="hidden" name="user_code" value="${userCode}" />
        <div class="actions">
          <button type="submit" name="decision" value="approve">Approve</button>
          <button class="secondary" type="submit" name="decision" value="deny">Deny</button>
        </div>
      </form>`,
  });
}

export function decidedPage(approved: boolean): string {
  return layout({
    title: approved ? "Device connected" : "Device denied",
    content: html`<p>
      ${approved ? "You can close this page and go back to your terminal." : "The request was refused. You can close this page."}
    </p>`,
  });
}

export function problemPage(title: string, problem: string): string {
  return layout({ title, problem, content: html`<p><a href="/">Back to the start</a></p>` });
}
