/** The frame of every page: navigation, the signed-in caller, and a banner while the server is unreachable. */

import "./frame.css";

import { BatteryCharging, Braces, ChartColumnBig, KeyRound, Upload, WifiOff, Wind } from "lucide-react";
import { type ReactNode, Suspense, useEffect, useMemo, useRef } from "react";
import { Button } from "react-aria-components";
import { Link, Outlet, useLocation, useNavigation } from "react-router";
import { Provider } from "urql";

import { Loading } from "../components/states";
import { useIsOffline } from "../connection";
import { createGraphQLClient } from "../graphqlClient";
import icon from "../icon.svg";
import { session, useCaller, useHasRole, useSession } from "../session/session";
import { SignIn, SignInAgain } from "./SignIn";

const ROLES = { MEMBER: "Member", READER: "Reader", OPERATOR: "Operator", ADMIN: "Administrator" };

export function Frame() {
  const state = useSession();
  const caller = state.phase === "signedIn" || state.phase === "expired" ? state.caller : undefined;
  const callerKey = caller && JSON.stringify(caller);
  // biome-ignore lint/correctness/useExhaustiveDependencies: each caller needs a new client with an empty cache.
  const client = useMemo(createGraphQLClient, [callerKey]);

  if (!caller) {
    return (
      <>
        <OfflineBanner />
        {state.phase === "signedOut" ? (
          <SignIn initialError={state.errorMessage} />
        ) : (
          <Loading page subject="the console" />
        )}
      </>
    );
  }
  return (
    <Provider value={client}>
      <SignedInFrame key={callerKey} />
      {state.phase === "expired" && <SignInAgain />}
    </Provider>
  );
}

function SignedInFrame() {
  const { pathname } = useLocation();
  const isLoading = useNavigation().state === "loading";
  const main = useRef<HTMLElement>(null);
  const previousPath = useRef(pathname);
  const isFullWidth = pathname === "/graphql";

  // After navigation, scroll to the top and move the focus to <main>, so that screen readers start there.
  useEffect(() => {
    if (previousPath.current === pathname) return;
    previousPath.current = pathname;
    scrollTo(0, 0);
    main.current?.focus({ preventScroll: true });
  }, [pathname]);

  return (
    <div className="frame">
      <a className="button skip" href="#page">
        Skip to content
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
        <OfflineBanner />
        <main ref={main} id="page" className={isFullWidth ? "page whole" : "page"} tabIndex={-1} aria-busy={isLoading}>
          <Suspense fallback={<Loading subject="the page" />}>
            <Outlet />
          </Suspense>
        </main>
      </div>
    </div>
  );
}

function Navigation() {
  const isMember = useCaller().role === "MEMBER";
  const mayRead = useHasRole("READER");
  const isAdmin = useHasRole("ADMIN");
  const isRestricted = useCaller().vppIds !== null;
  const pages = [
    { to: "/", label: isMember ? "My sites" : "Fleet", Icon: BatteryCharging, shown: true },
    { to: "/imports", label: "Imports", Icon: Upload, shown: mayRead },
    { to: "/reports", label: isMember ? "Statements" : "Reports", Icon: ChartColumnBig, shown: true },
    { to: "/parks", label: "Parks", Icon: Wind, shown: mayRead && !isRestricted },
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

/** A navigation link, marked as current also on the subpages of its page. */
function PageLink({ to, children }: { to: string; children: ReactNode }) {
  const { pathname } = useLocation();
  const subpages = to === "/" ? /^\/((vpps|sites)\/.*)?$/ : new RegExp(`^${to}(/|$)`);
  return (
    <Link to={to} aria-current={subpages.test(pathname) ? "page" : undefined}>
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

function OfflineBanner() {
  const isAway = useIsOffline();
  return (
    <div role="status">
      {isAway && (
        <p className="away">
          <WifiOff size={18} aria-hidden />
          The server cannot be reached. The page may be out of date; it updates when the connection returns, and nothing
          you typed is lost.
        </p>
      )}
    </div>
  );
}
