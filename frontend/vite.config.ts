import { defineConfig } from "vitest/config";

// One script and one style sheet, named in index.html: a server may keep them for ever, an offline report inlines them.
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
      output: { codeSplitting: false, entryFileNames: "assets/page-[hash].js", assetFileNames: "assets/page-[hash][extname]" },
    },
  },
  server: {
    // `make ui-dev`: the page from source, the data from a running `perpscope serve`.
    proxy: {
      "/api": { target: "http://127.0.0.1:8600", changeOrigin: true },
      "/ws": { target: "ws://127.0.0.1:8600", ws: true, changeOrigin: true },
    },
  },
  test: { include: ["tests/**/*.test.ts"], environment: "node" },
});
