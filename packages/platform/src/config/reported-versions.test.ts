import { expect, test } from "vitest";
import { z } from "zod";
import { parseEnvironment } from "./index.ts";
import { reportedVersionsSchema } from "./reported-versions.ts";

const read = (text?: string) => parseEnvironment(z.object({ V: reportedVersionsSchema }), { V: text }).V;

test("components are told what to say that they are, and without it nothing", () => {
  expect(read("gateway=1.4.0, runtime-node=2.0.0-rc.1")).toEqual({ gateway: "1.4.0", "runtime-node": "2.0.0-rc.1" });
  expect(read()).toEqual({});
});

test.each(["gateway", "gateway=1.4", "web=1.0.0", "gateway=1.0.0,gateway=1.1.0", "agent=01a.0.0", "agent=1.0.0;gateway=1.0.0"])(
  "%s stops the start",
  (text) => expect(() => read(text)).toThrow("V: must name each component once"),
);
