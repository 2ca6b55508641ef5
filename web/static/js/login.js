// The log-in says what is wrong without leaving the page. Without scripts it is a plain form.
import { request } from "./api.js";
import { byId, say } from "./dom.js";

byId("login")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    await request("login", { method: "POST", body: new URLSearchParams(new FormData(event.target)) });
    location.reload();
  } catch (error) {
    say(byId("login-problem"), error.message);
  }
});
