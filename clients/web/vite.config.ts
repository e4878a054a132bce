/** How is the page built, and where does it find its server while it is being worked on? */

import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

const SERVER = "http://127.0.0.1:8080";

// LiveKit's address is only known once a call is created, so any host may be *connected* to;
// scripts, styles, images and fonts come from the page's own origin or not at all.
const CONTENT_SECURITY_POLICY = [
  "default-src 'self'",
  "connect-src 'self' ws: wss: http: https:",
  "media-src 'self' blob: mediastream:",
  "base-uri 'none'",
  "form-action 'none'",
  "object-src 'none'",
].join("; ");

/** Only in what is built: the development server puts styles inline. */
function contentSecurityPolicy(): Plugin {
  return {
    name: "content-security-policy",
    apply: "build",
    transformIndexHtml: () => [
      {
        tag: "meta",
        attrs: { "http-equiv": "Content-Security-Policy", content: CONTENT_SECURITY_POLICY },
        injectTo: "head-prepend",
      },
    ],
  };
}

export default defineConfig({
  // Relative, so that the page can be served from a folder too.
  base: "./",
  plugins: [contentSecurityPolicy()],
  server: { host: "127.0.0.1", proxy: { "/livekit": SERVER } },
  // livekit-client is most of it: one file, about 160 kB on the wire.
  // Nothing is put inline as data:, which the policy above would refuse.
  build: {
    chunkSizeWarningLimit: 800,
    assetsInlineLimit: 0,
    rolldownOptions: { input: ["index.html", "operator.html"] },
  },
  // What is waited for is virtual time: only a test that hangs takes as long.
  test: { include: ["tests/**/*.test.ts"], testTimeout: 60_000 },
});
