/** A modal dialog with a form, whose state is in the URL and whose draft is in session storage. */

import { type FormEvent, type ReactNode, useEffect, useRef, useState } from "react";
import { Button, Dialog, Form, Heading, Modal, ModalOverlay } from "react-aria-components";
import type { CombinedError, OperationResult } from "urql";

import { useDraft } from "./draft";
import { apiErrorOf } from "./errors";
import { Failure } from "./states";
import { useUrlParams } from "./urlParams";

/** A form's values, for its fields. `problem` returns a field's validation error, from the dialog or the server. */
export interface FormState<Values> {
  values: Values;
  // Method syntax is bivariant, so a form with more fields is accepted where one with fewer is expected.
  set<Name extends keyof Values>(name: Name, value: Values[Name]): void;
  problem(name: keyof Values): string;
}

type Problems<Values> = { [Name in keyof Values]?: string };

/** The last rejected submission. A field shows its problem until its value differs from the rejected one. */
interface Rejection<Values> {
  values: Values;
  problems?: Problems<Values>;
  error?: CombinedError;
}

interface Props<Values extends object, Data> {
  /** The dialog's name in the URL, `?do=NAME`. */
  name: string;
  title: string;
  initial: Values;
  submitLabel: string;
  tone?: "primary" | "danger";
  /** Validates before sending: returns a sentence for each invalid field, such as a missing number. */
  validate?: (values: Values) => Problems<Values>;
  /** Sends the mutation. The id stays the same until a submission succeeds, so that a repeated create is idempotent. */
  submit: (values: Values, id: string) => Promise<OperationResult<Data>>;
  onDone?: (data: Data) => void;
  /** The label of the button that closes the dialog without sending; by default "Cancel". */
  cancelLabel?: string;
  children: (form: FormState<Values>) => ReactNode;
}

/** Reads and changes the open dialog in the URL: `?do=NAME&about=SUBJECT`. */
export function useDialog() {
  const [params, updateParams] = useUrlParams();
  return {
    name: params.get("do"),
    about: params.get("about"),
    open: (name: string, about?: string) =>
      updateParams((current) => {
        current.set("do", name);
        if (about) current.set("about", about);
      }),
    close: () =>
      updateParams(
        (current) => {
          current.delete("do");
          current.delete("about");
        },
        { replace: true },
      ),
  };
}

/** A button that opens a dialog. */
export function DialogButton({
  opens,
  about,
  className = "button",
  children,
  label,
}: {
  opens: string;
  about?: string;
  className?: string;
  children: ReactNode;
  label?: string;
}) {
  const { open } = useDialog();
  return (
    <Button className={className} onPress={() => open(opens, about)} {...(label ? { "aria-label": label } : {})}>
      {children}
    </Button>
  );
}

export function FormDialog<Values extends object, Data>(props: Props<Values, Data>) {
  const { name, about, close } = useDialog();
  return (
    // React Aria traps the focus in the dialog, and returns it to the button that opened it.
    <ModalOverlay
      className="overlay"
      isOpen={name === props.name}
      onOpenChange={(isOpen) => isOpen || close()}
      isDismissable={false}
    >
      <Modal>
        <Dialog className="dialog">
          <Body key={about} {...props} about={about ?? ""} close={close} />
        </Dialog>
      </Modal>
    </ModalOverlay>
  );
}

function Body<Values extends object, Data>({
  name,
  about,
  title,
  initial,
  submitLabel,
  tone = "primary",
  validate,
  submit,
  onDone,
  cancelLabel = "Cancel",
  children,
  close,
}: Props<Values, Data> & { about: string; close: () => void }) {
  const initialDraft = useRef({ values: initial, id: crypto.randomUUID() as string });
  const [{ values, id }, setDraft, clearDraft] = useDraft(`${name}:${about}`, initialDraft.current);
  const [rejection, setRefused] = useState<Rejection<Values> | null>(null);
  const [isSending, setIsSending] = useState(false);
  const formRef = useRef<HTMLFormElement>(null);

  // After a rejection, move the focus to the first invalid field; screen readers then announce it.
  useEffect(() => {
    if (rejection) formRef.current?.querySelector<HTMLElement>("[data-invalid] :is(input, [role=spinbutton])")?.focus();
  }, [rejection]);

  async function send(event: FormEvent) {
    event.preventDefault();
    if (isSending) return;
    const problems = validate?.(values) ?? {};
    setRefused(Object.keys(problems).length > 0 ? { values, problems } : null);
    if (Object.keys(problems).length > 0) return;
    setIsSending(true);
    const { data, error } = await submit(values, id);
    setIsSending(false);
    if (error) {
      const field = apiErrorOf(error).errorInfo?.field?.at(-1);
      const message = error.graphQLErrors[0]?.message;
      setRefused({
        values,
        ...(field && field in values ? { problems: { [field]: message } as Problems<Values> } : { error }),
      });
      return;
    }
    clearDraft();
    close();
    if (data) onDone?.(data);
  }

  const form: FormState<Values> = {
    values,
    // A functional update, because one click can change two values in one render: it also commits a number field.
    set: (name, value) => setDraft((draft) => ({ ...draft, values: { ...draft.values, [name]: value } })),
    problem: (name) =>
      (rejection && Object.is(values[name], rejection.values[name]) && rejection.problems?.[name]) || "",
  };

  return (
    <Form ref={formRef} className="stack" onSubmit={send} validationBehavior="aria">
      <Heading slot="title" level={2}>
        {title}
      </Heading>
      {children(form)}
      {rejection?.error && <Failure error={rejection.error} />}
      <div className="row" style={{ justifyContent: "flex-end" }}>
        <Button
          className="button"
          onPress={() => {
            clearDraft();
            close();
          }}
        >
          {cancelLabel}
        </Button>
        <Button className={`button ${tone}`} type="submit" isPending={isSending}>
          {isSending ? "Sending…" : submitLabel}
        </Button>
      </div>
    </Form>
  );
}
