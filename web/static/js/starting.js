// A server that has just started answers late at first: the page says so until it is ready.
import { request } from "./api.js";

const LOOK_MS = 1000;

// view: starting(whether)
export async function waitUntilReady(view) {
  view.starting(true);
  while (!(await request("health/ready").then(() => true, (error) => error.status === 404))) {
    await new Promise((resolve) => { setTimeout(resolve, LOOK_MS); });
  }
  view.starting(false);
}
