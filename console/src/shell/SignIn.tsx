/** Signing in with an API key or at the OIDC issuer: as a page, or as a dialog over the current page. */

import { type FormEvent, useState } from "react";
import {
  Button,
  Dialog,
  FieldError,
  Form,
  Heading,
  Input,
  Label,
  Modal,
  ModalOverlay,
  TextField,
} from "react-aria-components";

import icon from "../icon.svg";
import { issuer, redirectToIssuer } from "../session/oidc";
import { session } from "../session/session";

export function SignIn({ initialError }: { initialError?: string | undefined }) {
  return (
    <main className="sign-in">
      <div className="card stack">
        <h1 className="row">
          <img src={icon} alt="" width="32" height="32" />
          Sign in to vpp
        </h1>
        <SignInForm initialError={initialError} />
      </div>
    </main>
  );
}

/** Prompts for new credentials over the current page, which stays mounted. */
export function SignInAgain() {
  return (
    <ModalOverlay className="overlay" isOpen>
      <Modal>
        <Dialog className="dialog stack">
          <Heading slot="title">Your session has ended</Heading>
          <p>Sign in again to continue where you were. Nothing you typed is lost.</p>
          <SignInForm />
          <Button className="button quiet" onPress={() => session.signOut()}>
            Sign out instead
          </Button>
        </Dialog>
      </Modal>
    </ModalOverlay>
  );
}

function SignInForm({ initialError = "" }: { initialError?: string | undefined }) {
  const [key, setKey] = useState("");
  const [errorMessage, setErrorMessage] = useState(initialError);
  const [isSigningIn, setIsSigningIn] = useState(false);

  async function signIn(event: FormEvent) {
    event.preventDefault();
    setIsSigningIn(true);
    setErrorMessage(await session.signIn(key));
    setIsSigningIn(false);
  }

  return (
    <>
      {issuer() && (
        <>
          <Button className="button primary" onPress={() => void redirectToIssuer()}>
            Sign in with your organisation
          </Button>
          <p className="soft small">or with an API key</p>
        </>
      )}
      <Form className="stack" onSubmit={signIn}>
        {/* Password managers store a password under a username. */}
        <input
          className="visually-hidden"
          type="text"
          autoComplete="username"
          value="API key"
          readOnly
          tabIndex={-1}
          aria-hidden
        />
        <TextField
          className="field"
          type="password"
          name="key"
          autoComplete="current-password"
          isRequired
          isInvalid={errorMessage !== ""}
          value={key}
          onChange={(typed) => {
            setKey(typed);
            setErrorMessage("");
          }}
          validationBehavior="aria"
        >
          <Label>API key</Label>
          <Input placeholder="da2-…" spellCheck={false} />
          <FieldError>{errorMessage}</FieldError>
          <span className="hint">
            The key is never stored in this browser. An administrator creates keys under Access.
          </span>
        </TextField>
        <Button
          className={issuer() ? "button" : "button primary"}
          type="submit"
          isPending={isSigningIn}
          isDisabled={key.trim() === ""}
        >
          {isSigningIn ? "Signing in…" : "Sign in"}
        </Button>
      </Form>
    </>
  );
}
