import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { createTextFilter, redactText, registerSecretValue, unregisterSecretValue } from "./index.ts";
import { redactLine } from "./redact-line.ts";
import { SortedForms } from "./sorted-forms.ts";
import { formsOfValue } from "./value-forms.ts";
import { MARK, ValueMatcher } from "./value-matcher.ts";

const registered: string[] = [];
function register(value: string): void {
  registered.push(value);
  registerSecretValue(value);
}
afterEach(() => {
  for (const value of registered.splice(0)) unregisterSecretValue(value);
});

const digits = "0123456789abcdef".repeat(4);
const pem = `-----BEGIN PRIVATE KEY-----\n${"MIIEvQIBADANBgkqhkiG9w0BAQEFAASC/+\n".repeat(3)}-----END PRIVATE KEY-----`;
const jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl";

describe("what looks like a secret", () => {
  test.each([
    ["got Bearer abc.DEF-123_~+/= from x", "got Bearer [redacted] from x"],
    ["authorization: Basic dXNlcjpwYXNz", "authorization: [redacted]"],
    ["curl -H 'bearer   0123456789'", "curl -H 'bearer   [redacted]'"],
    ["key sk-proj-Abc_123456, next", "key [redacted], next"],
    ["(whs_01h455vb4pex5vsknk084sn02q)", "([redacted])"],
    ["fpi_0123456789abcdef", "[redacted]"],
    ["Cookie: a=b; c=d\nnext line", "Cookie: [redacted]\nnext line"],
    ["set-cookie: session=abc; HttpOnly", "set-cookie: [redacted]"],
    [`token ${jwt} end`, "token [redacted] end"],
    [`a ${jwt}.AAAA.BBBB b`, "a [redacted] b"],
    [`key:\n${pem}\nend`, "key:\n[redacted]\nend"],
    [`{"key":${JSON.stringify(pem)},"a":1}`, '{"key":"[redacted]","a":1}'],
    [pem.slice(0, 70), "[redacted]"],
    [pem.replaceAll("PRIVATE", "EC PRIVATE"), "[redacted]"],
    [`X-WHS-Delegation-Signature: v1=${digits},v2=${digits}`, "X-WHS-Delegation-Signature: [redacted],[redacted]"],
    ["postgres://whs:p%40ss@db:5432/x", "postgres://whs:[redacted]@db:5432/x"],
    ["host=db password=hunter2 user=x", "host=db password=[redacted] user=x"],
    ["/callback?access_token=abc&state=1", "/callback?access_token=[redacted]&state=1"],
    ['body {"password":"a\\"b","n":1}', 'body {"password":"[redacted]","n":1}'],
    ['"{\\"apiKey\\":\\"a\\\\\\"b\\",\\"n\\":1}"', '"{\\"apiKey\\":\\"[redacted]\\",\\"n\\":1}"'],
  ])("is replaced in %j", (text, expected) => {
    expect(redactText(text)).toBe(expected);
  });

  test.each([
    "the bearer of this message",
    "a task-manager-for-all and a risk-assessment",
    "tokens: 512, tokensUsed=7",
    "see https://example.com:8787/path and user@example.com",
    "password: must have at least 8 characters",
    `digest sha256:${digits}`,
    "agt_01h455vb4pex5vsknk084sn02q dep_01h455vb4pex5vsknk084sn02q",
    "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    "",
  ])("is not seen in %j", (text) => {
    expect(redactText(text)).toBe(text);
  });

  test("is found once: what was redacted stays as it is", () => {
    const texts = [
      `Cookie: a\nauthorization: b Bearer abcdefgh ${jwt} ${pem} password=x x://y:z@w`,
      '{"token":"x","cookie":"y"}',
      '{\\"secret\\":\\"x\\"}',
    ];
    for (const text of texts) expect(redactText(redactText(text))).toBe(redactText(text));
  });

  test("takes time in proportion to the text, also where it is made to be slow", () => {
    const length = 200_000;
    const hostile = [
      `-----BEGIN PRIVATE KEY-----${"-A".repeat(length)}`,
      `eyJ${"a".repeat(length)}`,
      "://".repeat(length),
      "a:".repeat(length),
      "cookie:".repeat(length),
    ];
    const more = [
      "Bearer ".repeat(length),
      '\\"token\\":\\"'.repeat(length / 10),
      `password="${"\\".repeat(length)}`,
      " ".repeat(length),
      "\\".repeat(length),
      "sk-".repeat(length),
      `cookie${" ".repeat(length)}`,
    ];
    // Quadratic work on any of them would run into the test's time-out.
    for (const text of [...hostile, ...more]) expect(redactText(text).length).toBeGreaterThan(0);
  });
});

describe("known values", () => {
  const value = 'sén"ti\\nel\t+/ 42?&';

  test.each([
    ["as it is", value],
    ["in JSON", JSON.stringify({ a: value })],
    ["in JSON within JSON", JSON.stringify(JSON.stringify({ a: value }))],
    ["in ASCII JSON", JSON.stringify(value).replace("é", "\\u00e9")],
    ["in a URL", `https://x/?q=${encodeURIComponent(value)}`],
    ["in a form", new URLSearchParams({ q: value }).toString()],
    ["in a URL with small escapes", encodeURIComponent(value).replace(/%../g, (escape) => escape.toLowerCase())],
    ["in base64", Buffer.from(value).toString("base64")],
    ["in base64url behind a user name", Buffer.from(`user:${value}`).toString("base64url")],
    ["in base64 behind two bytes", Buffer.from(`ab${value}cd`).toString("base64")],
    ["in hex", Buffer.from(value).toString("hex")],
  ])("are found %s", (_, text) => {
    expect(redactText(text)).toBe(text);
    register(value);
    expect(redactText(text)).toContain(MARK);
    for (const form of formsOfValue(value)) expect(redactText(text)).not.toContain(form);
  });

  test("are no longer replaced when every registration has ended", () => {
    registerSecretValue("sentinel-1");
    registerSecretValue("sentinel-1");
    unregisterSecretValue("sentinel-1");
    expect(redactText("a sentinel-1 b")).toBe("a [redacted] b");
    unregisterSecretValue("sentinel-1");
    unregisterSecretValue("sentinel-1");
    expect(redactText("a sentinel-1 b")).toBe("a sentinel-1 b");
  });

  test("of fewer than six characters are ignored", () => {
    register("12345");
    register("");
    expect(redactText("12345")).toBe("12345");
  });

  test("of several lines are found line by line too", () => {
    register("first line of the secret\n  second line of the secret\nend");
    expect(redactText("log: second line of the secret.")).toBe("log: [redacted].");
  });

  test("that are long are found also where they are cut", () => {
    const long = Array.from({ length: 8_000 }, (_, i) => i.toString(36)).join("");
    register(long);
    expect(redactText(`a ${long} b ${long.slice(0, 1_000)} c`)).toBe("a [redacted] b [redacted] c");
  });

  test("of one call are replaced in that call only", () => {
    expect(redactText("a sentinel-2 b", ["sentinel-2"])).toBe("a [redacted] b");
    expect(createTextFilter(new Set(["sentinel-2"]))("a sentinel-2 b")).toBe("a [redacted] b");
    expect(redactText("a sentinel-2 b")).toBe("a sentinel-2 b");
  });

  test("are replaced as a plain search would, overlaps as one", () => {
    const smallText = fc.string({ unit: fc.constantFrom("a", "b", "é"), minLength: 6, maxLength: 9 });
    fc.assert(
      fc.property(
        fc.array(smallText, { maxLength: 8 }),
        fc.string({ unit: fc.constantFrom("a", "b", "é"), maxLength: 80 }),
        (forms, text) => {
          const hit = Array.from(text, (_, at) =>
            forms.some((form) => Array.from(form, (__, back) => text.startsWith(form, at - back) && at >= back).includes(true)),
          );
          let expected = "";
          // Ranges that touch but do not overlap stay two marks, so ranges are tracked by where matches start and end.
          let end = -1;
          for (let at = 0; at < text.length; at++) {
            const longest = Math.max(0, ...forms.filter((form) => text.startsWith(form, at)).map((form) => form.length));
            if (longest > 0 && at >= end) expected += MARK;
            end = Math.max(end, longest > 0 ? at + longest : end);
            if (hit[at] !== true) expected += text[at];
          }
          const matcher = new ValueMatcher(forms);
          expect(matcher.replace(text)).toBe(expected);
          expect(matcher.test(text)).toBe(hit.includes(true));
        },
      ),
      { numRuns: 3_000 },
    );
  });

  test("of any length are matched like one by one: whole, or from 256 characters on as far as they agree", () => {
    const anyForm = fc
      .tuple(fc.constantFrom(0, 3, 248, 254, 300), fc.string({ unit: fc.constantFrom("a", "b"), minLength: 6, maxLength: 12 }))
      .map(([run, end]) => "a".repeat(run) + end);
    fc.assert(
      fc.property(fc.array(anyForm, { minLength: 1, maxLength: 12 }), anyForm, fc.nat({ max: 2 }), (forms, end, start) => {
        const text = "ab".slice(0, start) + end;
        const lengths = forms.map((form) => {
          let common = 0;
          while (common < form.length && form[common] === text[start + common]) common += 1;
          return common === form.length || common >= 256 ? common : 0;
        });
        expect(new SortedForms(forms).matchLength(text, start)).toBe(Math.max(...lengths));
      }),
      { numRuns: 3_000 },
    );
  });

  test("that no one would expect leave nothing of themselves behind", () => {
    const values = fc
      .string({ unit: "binary", minLength: 6, maxLength: 40 })
      .filter((text) => text.trim().length >= 6 && !MARK.includes(text));
    fc.assert(
      fc.property(values, fc.string(), fc.string(), (any, before, after) => {
        const filter = createTextFilter([any]);
        for (const text of [
          any,
          JSON.stringify({ [any]: any }),
          encodeURIComponent(any.toWellFormed()),
          Buffer.from(before + any + after).toString("base64"),
        ]) {
          expect(filter(before + text + after)).not.toContain(text);
        }
      }),
    );
  });

  test("do not make the filter slow, though they and the text are made for it", () => {
    for (let i = 0; i < 50; i++) register(`${"a".repeat(60_000)}${i}`);
    for (let i = 0; i < 2_000; i++) register(`${"a".repeat(200)}${i}`);
    const [all, none] = ["a".repeat(100_000), `${"a".repeat(150)}b`.repeat(500)];
    expect(redactText(all)).toBe(MARK);
    expect(redactText(none)).toBe(none);
  });
});

describe("a line of JSON", () => {
  test.each([
    "authorization",
    "Proxy-Authorization",
    "cookie",
    "Set-Cookie",
    "password",
    "newPassword",
    "secret",
    "secrets",
    "client_secret",
    "token",
    "installToken",
    "WHS_API_TOKEN",
    "x-telemetry-signature",
    "X-WHS-Delegation-Signature",
    "apiKey",
    "api-key",
    "privateKey",
    "env",
    "credentials",
  ])("shows nothing under the key %s, at any depth and whatever is there", (key) => {
    for (const inner of ["x", 1, ["x"], { a: "x" }]) {
      const line = JSON.stringify({ a: { b: [{ [key]: inner }] }, tokens: 3 });
      expect(redactLine(line)).toBe(JSON.stringify({ a: { b: [{ [key]: MARK }] }, tokens: 3 }));
    }
  });

  test("shows that a secret is absent and that a switch is on", () => {
    expect(redactLine('{"token":null,"password":true}\n')).toBe('{"token":null,"password":true}\n');
  });

  test("without secrets stays the same, byte for byte", () => {
    const line = '{"a" : 1.0, "big":12345678901234567890,"envVarKeys":["A"],"environment":"x","tokens":{"in":1}}\n';
    expect(redactLine(line)).toBe(line);
  });

  test("with a numeric secret in it shows a mark in place of the number", () => {
    register("1234567");
    expect(redactLine('{"pin":1234567,"n":1}')).toBe('{"pin":"[redacted]","n":1}');
  });

  test("does not show a secret that spans its punctuation, even if it is no JSON then", () => {
    register('1,"b":22');
    expect(redactLine('{"a":1,"b":22}')).toBe('{"a":[redacted]}');
  });

  test("that is not JSON is redacted as text", () => {
    expect(redactLine('{"a":"Bearer abcdefgh')).toBe('{"a":"Bearer [redacted]');
  });

  test("stays JSON without the value, whatever the value and wherever it stands", () => {
    const quoted = fc.constantFrom('"', "\\", "n", "u0", ":", "{", "a", "é", "\n", "😀");
    const values = fc.string({ unit: quoted, minLength: 6, maxLength: 12 }).filter((text) => text.trim().length >= 6);
    fc.assert(
      fc.property(values, fc.string({ unit: quoted }), fc.string({ unit: quoted }), (value, before, after) => {
        // Only values that cannot be met in the punctuation of the line itself.
        const shell = JSON.stringify({ level: "info", fields: { key: "" }, list: [""] });
        fc.pre(![...formsOfValue(value)].some((form) => shell.includes(form)));
        registerSecretValue(value);
        try {
          const line = redactLine(JSON.stringify({ level: "info", fields: { key: before + value + after }, list: [value] }));
          expect(line).not.toContain(JSON.stringify(value).slice(1, -1));
          expect(JSON.stringify(JSON.parse(line))).toBe(line);
          expect(JSON.parse(line)).toMatchObject({ level: "info", list: [MARK] });
        } finally {
          unregisterSecretValue(value);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
