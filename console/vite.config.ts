import { defineConfig } from "vite";

export default defineConfig({
  base: "/static/",
  build: {
    outDir: "../graph/static",
    emptyOutDir: true,
    chunkSizeWarningLimit: 3000, // Monaco, in kB: a chunk of its own.
    license: { fileName: "licenses.md" },
    rolldownOptions: {
      checks: { moduleLevelDirective: false }, // "use client" speaks to server rendering: there is none here.
    },
  },
});
