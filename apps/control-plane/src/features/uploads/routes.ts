import * as endpoints from "@whs/api";
import type { Bind } from "@whs/platform/http";
import type { Context } from "../../context.ts";
import { createUpload } from "./create-upload.ts";

export function bindUploads(bind: Bind<Context>, maxBytes: number): void {
  bind(
    endpoints.createUpload,
    (context, { stream, http }) => {
      const { "content-type": contentType = "", "content-digest": contentDigest } = http.request.headers;
      return createUpload(context, {
        stream,
        contentType: contentType.split(";", 1)[0]?.trim() ?? "",
        contentDigest: typeof contentDigest === "string" ? contentDigest : undefined,
      });
    },
    { maxBytes },
  );
}
