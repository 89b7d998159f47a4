import { defineConfig } from "vite";

export default defineConfig({
  base: "/static/",
  build: {
    outDir: "../graph/static",
    emptyOutDir: true,
    chunkSizeWarningLimit: 3000, // Monaco, in kB: a chunk of its own.
    license: { fileName: "assets/licenses.md" },
    rolldownOptions: {
      // A page is an entry of its own, so that GraphiQL's code loads on its page alone.
      input: ["graphiql.html"],
      checks: { moduleLevelDirective: false }, // "use client" speaks to server rendering: there is none here.
    },
  },
});
