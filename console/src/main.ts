/** Entry point: starts signing in and loads the page's code and the application in parallel. */

import "./components/style.css";
// The frame's style sheet is loaded with the page, not with the frame's code, so that the layout does not shift.
import "./shell/frame.css";

import { preload } from "./pages";
import { session } from "./session/session";

void session.start();
preload(location.pathname);
void import("./app");
