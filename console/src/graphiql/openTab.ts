import { pick, useGraphiQL, useGraphiQLActions } from "@graphiql/react";

/** Returns a function that opens an operation in a new tab, with its variables as JSON. */
export function useOpenTab(): (query: string, variables: string) => void {
  const { queryEditor, variableEditor } = useGraphiQL(pick("queryEditor", "variableEditor"));
  const { addTab, stop } = useGraphiQLActions();
  return (query, variables) => {
    stop(); // GraphiQL writes a subscription's events into the tab that is open at the time.
    addTab();
    queryEditor?.setValue(query);
    variableEditor?.setValue(variables);
    // GraphiQL 5 has no API to switch from the headers editor to the variables editor.
    if (variables) document.querySelector<HTMLButtonElement>('.graphiql-editor-tools [data-name="variables"]')?.click();
    queryEditor?.focus();
  };
}
