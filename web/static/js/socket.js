// The server's /listen: sends blocks, hands on its messages, comes back after a break.
const BACKOFF_SECONDS = [0.5, 1, 2, 4, 8, 8];
const MAX_BUFFERED_BYTES = 1 << 20; // about ten seconds: a slower network drops sound instead of falling behind
const END_WITHIN_MS = 4000;
const NORMAL = 1000;
const FINAL_CODES = new Set([1003, 1007, 1008, 1009]); // our fault: trying again would fail again

export class ListenSocket {
  // onMessage(message), onOpen(), onRetry(seconds), onClosed(code, message | null)
  constructor(sampleRate, handlers) {
    this.sampleRate = sampleRate;
    this.handlers = handlers;
    this.failures = 0;
    this.open();
  }

  open() {
    const address = new URL("listen", document.baseURI);
    address.protocol = address.protocol.replace("http", "ws");
    this.sentSeconds = 0;
    this.error = null;
    this.ready = false;
    this.socket = new WebSocket(address);
    this.socket.binaryType = "arraybuffer";
    this.socket.onopen = () => this.begin();
    this.socket.onmessage = ({ data }) => this.receive(JSON.parse(data));
    this.socket.onclose = ({ code }) => this.closed(code);
  }

  begin() {
    this.socket.send(JSON.stringify({ type: "start", sample_rate: this.sampleRate, format: "s16le", channels: 1 }));
    this.ready = true;
  }

  receive(message) {
    if (message.type === "ready") {
      this.failures = 0;
      this.handlers.onOpen();
    } else if (message.type === "error") {
      this.error = message.message;
    } else {
      this.handlers.onMessage(message);
    }
  }

  send({ pcm, seconds }) {
    if (!this.ready || this.stopping || this.socket.bufferedAmount > MAX_BUFFERED_BYTES) return;
    this.socket.send(pcm);
    this.sentSeconds += seconds;
  }

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
    this.handlers.onClosed(NORMAL, null);
  }

  // Closes without another word to the handlers.
  drop() {
    clearTimeout(this.retry);
    clearTimeout(this.deadline);
    this.socket.onopen = this.socket.onmessage = this.socket.onclose = null;
    this.socket.close();
  }

  closed(code) {
    clearTimeout(this.deadline);
    this.ready = false;
    const final = this.stopping || code === NORMAL || FINAL_CODES.has(code) || this.failures >= BACKOFF_SECONDS.length;
    if (final) return this.handlers.onClosed(this.stopping ? NORMAL : code, this.error);
    const seconds = BACKOFF_SECONDS[this.failures];
    this.failures += 1;
    this.handlers.onRetry(seconds);
    this.retry = setTimeout(() => this.open(), seconds * 1000);
  }
}
