// Many connections over one pair of pipes, opened from either side: how a container without any network is reached by standard
// input and output alone. Plain JavaScript without dependencies, since it runs on both sides: in the service and in the container.
const { Duplex } = require("node:stream");

/** Frame: one byte of kind, four of the connection's number, four of the length of what follows, or of the credit given. */
const HEADER_BYTES = 9;
const OPEN = 0;
const DATA = 1;
const END = 2;
const RESET = 3;
const CREDIT = 4;
const KINDS = 5;
/** What may be on its way to a connection whose reader does not read. */
const WINDOW_BYTES = 256 * 1024;
const MAX_FRAME_BYTES = 64 * 1024;
const MAX_CONNECTIONS = 1024;

class BridgedConnection extends Duplex {
  /** @param {StdioBridge} bridge @param {number} id */
  constructor(bridge, id) {
    super({ allowHalfOpen: true });
    this.bridge = bridge;
    this.id = id;
    this.credit = WINDOW_BYTES;
    /** Bytes that were taken in and for which no new credit was given. */
    this.owed = 0;
    /** @type {{ chunk: Buffer, callback: (error?: Error | null) => void } | null} */
    this.waiting = null;
    this.endsSent = 0;
  }

  /** @override @param {Buffer} chunk @param {string} _encoding @param {(error?: Error | null) => void} callback */
  _write(chunk, _encoding, callback) {
    this.waiting = { chunk, callback };
    this.flush();
  }

  /** @override @param {(error?: Error | null) => void} callback */
  _final(callback) {
    this.endsSent = 1;
    this.bridge.send(END, this.id, 0);
    callback();
  }

  /** @override */
  _read() {
    this.giveCredit();
  }

  giveCredit() {
    const { owed } = this;
    this.owed = 0;
    if (owed > 0) this.bridge.send(CREDIT, this.id, owed);
  }

  /** @override @param {Error | null} error @param {(error?: Error | null) => void} callback */
  _destroy(error, callback) {
    if (this.bridge.forget(this.id) && !(this.endsSent === 1 && this.readableEnded)) this.bridge.send(RESET, this.id, 0);
    const { waiting } = this;
    this.waiting = null;
    waiting?.callback(error ?? new Error("The connection was closed."));
    callback(error);
  }

  flush() {
    while (this.waiting !== null && this.credit > 0) {
      const { chunk, callback } = this.waiting;
      const length = Math.min(chunk.length, this.credit, MAX_FRAME_BYTES);
      const rest = chunk.subarray(length);
      // First what is left, since new credit may come while this is sent.
      this.credit -= length;
      this.waiting = rest.length === 0 ? null : { chunk: rest, callback };
      this.bridge.send(DATA, this.id, length, chunk.subarray(0, length));
      if (rest.length === 0) callback();
    }
  }

  /** @param {number} kind @param {number} value @param {Buffer} content */
  receive(kind, value, content) {
    if (kind === DATA) {
      this.owed += content.length;
      if (this.owed > WINDOW_BYTES) this.bridge.close();
      else if (this.push(content)) this.giveCredit();
    } else if (kind === END) this.push(null);
    else if (kind === RESET) this.destroy();
    else if (kind === CREDIT) {
      this.credit += value;
      this.flush();
    }
  }
}

class StdioBridge {
  /**
   * @param {import("node:stream").Readable} input @param {import("node:stream").Writable} output
   * @param {(connection: import("node:stream").Duplex) => void} onOpen the other side opened one
   * @param {1 | 2} first of the numbers that this side gives: one side has the odd ones
   */
  constructor(input, output, onOpen, first) {
    this.output = output;
    this.onOpen = onOpen;
    this.next = first;
    /** @type {Map<number, BridgedConnection>} */
    this.connections = new Map();
    /** @type {Buffer} */
    this.rest = Buffer.alloc(0);
    this.isClosed = false;
    input.on("data", (/** @type {Buffer} */ chunk) => this.receive(chunk));
    const close = () => this.close();
    input.on("end", close).on("error", close);
    output.on("error", close);
  }

  /** @returns {import("node:stream").Duplex} */
  open() {
    const id = this.next;
    this.next += 2;
    this.send(OPEN, id, 0);
    return this.add(id);
  }

  /** Also when the other side, which may be hostile, does not keep to the rules. */
  close() {
    this.isClosed = true;
    this.rest = Buffer.alloc(0);
    for (const connection of this.connections.values()) connection.destroy();
  }

  /** @param {number} id */
  add(id) {
    const connection = new BridgedConnection(this, id);
    this.connections.set(id, connection);
    return connection;
  }

  /** @param {number} id */
  forget(id) {
    return this.connections.delete(id);
  }

  /** @param {number} kind @param {number} id @param {number} value @param {Buffer} [content] */
  send(kind, id, value, content) {
    if (this.isClosed || !this.output.writable) return;
    const header = Buffer.alloc(HEADER_BYTES);
    header.writeUInt8(kind, 0);
    header.writeUInt32BE(id, 1);
    header.writeUInt32BE(value, 5);
    this.output.write(header);
    if (content !== undefined) this.output.write(content);
  }

  /** @param {Buffer} chunk */
  receive(chunk) {
    if (this.isClosed) return;
    this.rest = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk]);
    while (!this.isClosed) {
      if (this.rest.length < HEADER_BYTES) return;
      const kind = this.rest.readUInt8(0);
      const value = this.rest.readUInt32BE(5);
      const length = kind === DATA ? value : 0;
      if (kind >= KINDS || length > MAX_FRAME_BYTES) return this.close();
      if (this.rest.length < HEADER_BYTES + length) return;
      const id = this.rest.readUInt32BE(1);
      const content = this.rest.subarray(HEADER_BYTES, HEADER_BYTES + length);
      this.rest = this.rest.subarray(HEADER_BYTES + length);
      if (kind === OPEN) this.accept(id);
      else this.connections.get(id)?.receive(kind, value, content);
    }
  }

  /** @param {number} id */
  accept(id) {
    if (this.connections.has(id) || id % 2 === this.next % 2 || this.connections.size >= MAX_CONNECTIONS) return this.close();
    this.onOpen(this.add(id));
  }
}

module.exports = { StdioBridge };
