import { defineConfig, type Plugin } from "vite";

/** Leaves out what React Aria says to screen readers in other languages than the console's. */
const oneLanguage: Plugin = {
  name: "one-language",
  load: (id) => (/\/intl\/(\w+\/)?(?!en-US)[a-z]{2}-[A-Z]{2}\.mjs$/.test(id) ? "export default undefined" : null),
};

export default defineConfig({
  base: "/static/",
  plugins: [oneLanguage],
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
