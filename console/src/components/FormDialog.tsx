/** A question above a page: fields, what the answer would mean, and the button that sends it. */

import { type FormEvent, type ReactNode, useEffect, useRef, useState } from "react";
import { Button, Dialog, Form, Heading, Modal, ModalOverlay } from "react-aria-components";
import type { CombinedError, OperationResult } from "urql";
import { useDraft } from "./draft";
import { apiErrorOf } from "./errors";
import { Failure } from "./states";
import { useUrlParams } from "./urlParams";

/** What fields read and write. `problem` is what is wrong with one: what the server, or the dialog, found. */
export interface FormState<Values> {
  values: Values;
  // Methods, so that a form is taken where one of some of its fields is.
  set<Name extends keyof Values>(name: Name, value: Values[Name]): void;
  problem(name: keyof Values): string;
}

type Problems<Values> = { [Name in keyof Values]?: string };

/** What was refused: as long as a value is still the same, what was wrong with it is. */
interface Rejection<Values> {
  values: Values;
  problems?: Problems<Values>;
  error?: CombinedError;
}

interface Props<Values extends object, Data> {
  /** Its name in the address, `?do=NAME`, where a reload and the way back find it. */
  name: string;
  title: string;
  initial: Values;
  submitLabel: string;
  tone?: "primary" | "danger";
  /** Finds what cannot be sent at all, such as a figure that is not there: a sentence for each field at fault. */
  validate?: (values: Values) => Problems<Values>;
  /** Sends it. The id is the same until it has worked: a create that is sent again with it makes nothing twice. */
  submit: (values: Values, id: string) => Promise<OperationResult<Data>>;
  onDone?: (data: Data) => void;
  /** What the button says that sends nothing. */
  cancelLabel?: string;
  children: (form: FormState<Values>) => ReactNode;
}

/** Says which dialog is open, and about what; opens and closes them. */
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

/** The button that opens a dialog. */
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
    // React Aria holds the focus within, and gives it back to the button that opened it.
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

  // Whoever sent it goes on at the field at fault, which is read out to them.
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
    // Of the draft as it is by then: one click may commit a figure and choose something else.
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
