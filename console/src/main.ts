/** The first of our code to run: asks who is signed in, and for what the page is made of, all at once. */

import "./components/style.css";
import "./shell/frame.css"; // So that it is there with the page, and not once the frame is.

import { preload } from "./pages";
import { session } from "./session/session";

void session.start();
preload(location.pathname);
void import("./app");
