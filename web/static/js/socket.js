// The server's /listen: sends blocks, hands on its messages. After a break it comes back and goes on where it was: the last seconds of
// sound are sent again, and the new session's times are moved to those of the listening as a whole.
const BACKOFF_SECONDS = [0.5, 1, 2, 4, 8, 8, 8, 15, 15, 15, 15, 15, 15]; // two minutes, as long as a server may take to start
const FIRST_TRIES = 4; // where there never was a connection
const KEPT_SECONDS = 10; // of sound: what the server judges by
const MAX_BUFFERED_BYTES = 1 << 20; // about ten seconds: a slower network loses sound instead of falling behind
const END_WITHIN_MS = 10_000;
const NORMAL = 1000;
const FINAL_CODES = new Set([1003, 1007, 1008, 1009]); // our fault: trying again would fail again

export class ListenSocket {
  // onReady(message), onMessage(message), onRetry(seconds), onClosed(code, error): null, null when it was asked for; else the close code,
  // and what the server said before: {code, message} | null
  constructor(sampleRate, handlers) {
    this.sampleRate = sampleRate;
    this.handlers = handlers;
    this.failures = 0;
    this.tries = FIRST_TRIES;
    this.heardSeconds = 0;
    this.kept = [];
    this.online = () => this.retry && this.open();
    window.addEventListener("online", this.online);
    this.open();
  }

  open() {
    clearTimeout(this.retry);
    this.retry = null;
    const address = new URL("listen", document.baseURI);
    address.protocol = address.protocol.replace("http", "ws");
    this.error = null;
    this.ready = false;
    this.socket = new WebSocket(address);
    this.socket.onopen = () => this.begin();
    this.socket.onmessage = ({ data }) => this.receive(JSON.parse(data));
    this.socket.onclose = ({ code }) => this.closed(code);
  }

  begin() {
    const format = { sample_rate: this.sampleRate, format: "s16le", channels: 1, constellation: true };
    this.socket.send(JSON.stringify({ type: "start", ...format }));
    this.ready = true;
    this.base = this.heardSeconds - this.kept.reduce((sum, { seconds }) => sum + seconds, 0);
    for (const block of this.kept) this.transmit(block);
  }

  receive(message) {
    if (message.type === "error") {
      this.error = message;
    } else if (message.type === "ready") {
      this.tries = BACKOFF_SECONDS.length;
      this.handlers.onReady({ ...message, base: this.base });
    } else {
      this.failures = 0; // and not before: one that only says it is ready may break each time
      this.handlers.onMessage(moved(message, this.base));
    }
  }

  send(block) {
    this.heardSeconds += block.seconds;
    this.kept.push(block);
    if (this.kept.length * block.seconds > KEPT_SECONDS) this.kept.shift();
    if (this.ready && !this.stopping) this.transmit(block);
  }

  transmit({ pcm, seconds }) {
    if (this.socket.bufferedAmount > MAX_BUFFERED_BYTES) this.base += seconds;
    else this.socket.send(pcm);
  }

  get waiting() { return this.ready ? this.socket.bufferedAmount : Infinity; }

  // Asks for the last answer; the server closes after it. Gives up where no answer comes.
  stop() {
    if (this.stopping) return;
    this.stopping = true;
    if (!this.ready) return this.abandon();
    this.socket.send(JSON.stringify({ type: "stop" }));
    this.deadline = setTimeout(() => this.abandon(), END_WITHIN_MS);
  }

  abandon() {
    this.drop();
    this.handlers.onClosed(null, null);
  }

  // Closes without another word to the handlers.
  drop() {
    window.removeEventListener("online", this.online);
    clearTimeout(this.retry);
    clearTimeout(this.deadline);
    this.socket.onopen = this.socket.onmessage = this.socket.onclose = null;
    this.socket.close();
  }

  closed(code) {
    clearTimeout(this.deadline);
    this.ready = false;
    const final = this.stopping || code === NORMAL || FINAL_CODES.has(code) || this.failures >= this.tries;
    if (final) {
      this.drop();
      return this.stopping ? this.handlers.onClosed(null, null) : this.handlers.onClosed(code, this.error);
    }
    const seconds = BACKOFF_SECONDS[this.failures];
    this.failures += 1;
    this.handlers.onRetry(seconds);
    this.retry = setTimeout(() => this.open(), seconds * 1000);
  }
}

// A message of a session that began `base` seconds into the listening, as if it had begun with it.
function moved(message, base) {
  if (!base) return message;
  const guess = (old) => old && { ...old, offset: old.offset - old.speed * base };
  const out = { ...message, base, elapsed: message.elapsed + base };
  if (message.guesses) out.guesses = message.guesses.map(guess);
  for (const name of ["guess", "match"]) if (name in message) out[name] = guess(message[name]);
  return out;
}
