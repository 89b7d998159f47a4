/** What stands around every page: the way to the others, who is signed in, and whether the server is there. */

import "./frame.css";

import { BatteryCharging, Braces, ChartColumnBig, KeyRound, Upload, WifiOff, Wind } from "lucide-react";
import { type ReactNode, Suspense, useEffect, useMemo, useRef } from "react";
import { Button } from "react-aria-components";
import { Link, Outlet, useLocation, useNavigation } from "react-router";
import { Provider } from "urql";
import { Loading } from "../components/states";
import { useIsAway } from "../connection";
import { createGraphQLClient } from "../graphqlClient";
import icon from "../icon.svg";
import { session, useCaller, useMay, useSession } from "../session/session";
import { SignIn, SignInAgain } from "./SignIn";

const ROLES = { MEMBER: "Member", READER: "Reader", OPERATOR: "Operator", ADMIN: "Administrator" };

export function Frame() {
  const state = useSession();
  const caller = state.phase === "in" || state.phase === "ended" ? state.caller : undefined;
  const who = caller && JSON.stringify(caller);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another caller is another client, with nothing read before.
  const client = useMemo(createGraphQLClient, [who]);

  if (!caller) {
    return (
      <>
        <Away />
        {state.phase === "out" ? <SignIn refusal={state.refusal} /> : <Loading page what="the console" />}
      </>
    );
  }
  return (
    <Provider value={client}>
      <Signed key={who} />
      {state.phase === "ended" && <SignInAgain />}
    </Provider>
  );
}

function Signed() {
  const { pathname } = useLocation();
  const isLoading = useNavigation().state === "loading";
  const main = useRef<HTMLElement>(null);
  const shown = useRef(pathname);
  const isWhole = pathname === "/graphql";

  // A page that was gone to is read from its beginning, by screen readers too.
  useEffect(() => {
    if (shown.current === pathname) return;
    shown.current = pathname;
    scrollTo(0, 0);
    main.current?.focus({ preventScroll: true });
  }, [pathname]);

  return (
    <div className="frame">
      <a className="button skip" href="#page">
        Skip to the page
      </a>
      <header className="navigation">
        <Link className="brand" to="/">
          <img src={icon} alt="" width="28" height="28" />
          vpp
        </Link>
        <Navigation />
        <SignedIn />
      </header>
      <div>
        <Away />
        <main ref={main} id="page" className={isWhole ? "page whole" : "page"} tabIndex={-1} aria-busy={isLoading}>
          <Suspense fallback={<Loading what="the page" />}>
            <Outlet />
          </Suspense>
        </main>
      </div>
    </div>
  );
}

function Navigation() {
  const isMember = useCaller().role === "MEMBER";
  const mayRead = useMay("READER");
  const isAdmin = useMay("ADMIN");
  const isHeld = useCaller().vppIds !== null;
  const pages = [
    { to: "/", label: isMember ? "My sites" : "Fleet", Icon: BatteryCharging, shown: true },
    { to: "/imports", label: "Imports", Icon: Upload, shown: mayRead },
    { to: "/reports", label: isMember ? "Statements" : "Reports", Icon: ChartColumnBig, shown: true },
    { to: "/parks", label: "Parks", Icon: Wind, shown: mayRead && !isHeld },
    { to: "/access", label: "Access", Icon: KeyRound, shown: isAdmin },
    { to: "/graphql", label: "GraphiQL", Icon: Braces, shown: true },
  ];
  return (
    <nav aria-label="Pages">
      <ul>
        {pages
          .filter(({ shown }) => shown)
          .map(({ to, label, Icon }) => (
            <li key={to}>
              <PageLink to={to}>
                <Icon size={18} aria-hidden />
                {label}
              </PageLink>
            </li>
          ))}
      </ul>
    </nav>
  );
}

/** A link that is the present page's also where that page lies below the link's. */
function PageLink({ to, children }: { to: string; children: ReactNode }) {
  const { pathname } = useLocation();
  const below = to === "/" ? /^\/((vpps|sites)\/.*)?$/ : new RegExp(`^${to}(/|$)`);
  return (
    <Link to={to} aria-current={below.test(pathname) ? "page" : undefined}>
      {children}
    </Link>
  );
}

function SignedIn() {
  const caller = useCaller();
  return (
    <div className="signed-in small">
      <div>
        <strong>{caller.name}</strong> <span className="soft">{ROLES[caller.role]}</span>
      </div>
      <Button className="button quiet" onPress={() => session.signOut()}>
        Sign out
      </Button>
    </div>
  );
}

function Away() {
  const isAway = useIsAway();
  return (
    <div role="status">
      {isAway && (
        <p className="away">
          <WifiOff size={18} aria-hidden />
          The server cannot be reached. What you see may be old; it catches up by itself, and nothing you typed is lost.
        </p>
      )}
    </div>
  );
}
