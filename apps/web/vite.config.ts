import { reactRouter } from "@react-router/dev/vite";
import tailwindcss from "@tailwindcss/vite";
import { defineConfig } from "vite";

const FRAMEWORK = /node_modules[\\/](?:react|react-dom|react-router|scheduler|cookie-es|@remix-run[\\/]route-pattern)[\\/]/;
/** What the root and the shells import, and with it every page: one small file instead of a dozen that each page would name. */
const SHELL =
  /apps[\\/]web[\\/]src[\\/](?:(?:preferences|problem|paths|nonce)\.ts|ui[\\/](?:class-names|button|time|toast|pending-bar|route-announcer)\.tsx?|shell[\\/](?:page-problem|theme-switch|brand)\.tsx)$|lucide-react[\\/]dist[\\/]esm[\\/](?!icons|lucide-react|dynamic)/;

export default defineConfig({
  plugins: [tailwindcss(), reactRouter()],
  build: { sourcemap: false, assetsInlineLimit: 0 },
  environments: {
    // What every page needs is one file: it compresses better than its parts, and stays cached over releases.
    client: {
      build: {
        rollupOptions: {
          output: {
            codeSplitting: {
              groups: [
                { name: "framework", test: FRAMEWORK },
                { name: "shell", test: SHELL },
              ],
            },
          },
        },
      },
    },
    // The server's entry is ours: it takes the configuration that main.ts has read.
    ssr: { build: { rollupOptions: { input: "./src/server.ts" } } },
  },
});
