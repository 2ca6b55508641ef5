// Calls to the server; every failure is an Error whose message can be shown.
import { text } from "./text.js";

class Refusal extends Error {
  constructor(status, body) {
    super(body?.error?.message ?? text.error.http(status));
    this.status = status;
  }
}

export class Offline extends Error {
  constructor() {
    super(text.error.offline);
    this.name = "Offline";
  }
}

let failures = 0;

// A module of ours that is fetched when it is needed. A browser may remember that it could not be had: the next try has another address.
export function load(name) {
  return import(failures ? `./${name}.js?again=${failures}` : `./${name}.js`).catch(() => {
    failures += 1;
    throw new Offline();
  });
}

export async function request(path, options) {
  const response = await fetch(path, options).catch((error) => {
    if (error.name === "AbortError") throw error;
    throw new Offline();
  });
  if (response.status === 204) return null;
  const body = await response.json().catch(() => null);
  if (!response.ok) throw new Refusal(response.status, body);
  return body;
}

export const patch = (path, values) => request(path, {
  method: "PATCH", headers: { "content-type": "application/json" }, body: JSON.stringify(values),
});

// XMLHttpRequest, because fetch does not tell how much has been sent. A signal can end it, as with fetch.
export function sendFile(path, file, onProgress, signal) {
  const form = new FormData();
  form.append("file", file);
  return new Promise((resolve, reject) => {
    const call = new XMLHttpRequest();
    call.open("POST", path);
    call.responseType = "json";
    call.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total);
    call.upload.onload = () => onProgress(1);
    signal?.addEventListener("abort", () => { call.abort(); reject(signal.reason); });
    call.onerror = () => reject(new Offline());
    call.onload = () => {
      if (call.status === 200) resolve(call.response);
      else reject(new Refusal(call.status, call.response));
    };
    call.send(form);
  });
}
