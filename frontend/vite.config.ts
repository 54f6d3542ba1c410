import { defineConfig } from "vitest/config";

// One script and one style sheet under fixed names: the server sends them with an ETag, and an offline report inlines them.
export default defineConfig({
  base: "./",
  build: {
    outDir: "../src/perpscope/web/static",
    emptyOutDir: true,
    target: "es2022",
    modulePreload: { polyfill: false },
    cssCodeSplit: false,
    assetsInlineLimit: 0,
    reportCompressedSize: true,
    rolldownOptions: {
      output: { codeSplitting: false, entryFileNames: "page.js", assetFileNames: "page[extname]" },
    },
  },
  server: {
    // `make ui-dev`: the page from source, the data from a running `perpscope serve`.
    proxy: {
      "/api": "http://127.0.0.1:8750",
      "/socket": { target: "ws://127.0.0.1:8750", ws: true },
    },
  },
  test: { include: ["tests/**/*.test.ts"], environment: "node" },
});
